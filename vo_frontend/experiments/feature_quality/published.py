"""What the authors report for their weights, beside what we measured on the same kind of data.

The two compare only where the protocol is the same: HPatches with its 108 scenes and up to 5000 keypoints
that score 0.2 or more (X. Zhao et al., "ALIKE", IEEE TMM 2022); stereo on test scenes of the Image Matching
Workshop with 2048 keypoints (X. Zhao et al., "ALIKED", IEEE TIM 2023), where matches and motions are found in
another way; multi-view on the same scenes, the mean over bags of 5, 10 and 25 images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vo_frontend.evaluation.feature_metrics import percent_at
from vo_frontend.experiments.feature_quality.multiview import MultiviewResult
from vo_frontend.experiments.feature_quality.pairs import PHOTOGRAPHS
from vo_frontend.experiments.feature_quality.phototourism import StereoResult
from vo_frontend.experiments.feature_quality.scores import HomographyResult

HPATCHES_MMA_PX = (1, 2, 3, 5)
HPATCHES = {  # MMA at these thresholds, then MHA at 3 px, in per cent
    "alike-n": (43.5, 63.1, 70.8, 77.3, 75.7),
    "alike-l": (43.9, 63.1, 70.5, 76.6, 76.9),
}
STEREO = {  # mAA at 5 and 10 degrees, in per cent
    "aliked-t16": (37.95, 50.38),
    "aliked-n16": (39.53, 52.28),
    "aliked-n32": (39.52, 52.23),
}
MULTIVIEW = {  # mAA at 5 and 10 degrees, in per cent
    "aliked-t16": (60.31, 70.88),
    "aliked-n16": (61.44, 71.78),
    "aliked-n32": (61.67, 72.09),
}
MULTIVIEW_SIZES = (5, 10, 25)  # images of the bags that the published figures are means over


@dataclass(frozen=True, slots=True)
class HpatchesRow:
    """All pairs of HPatches together."""

    features: str
    pairs: int
    keypoints: float
    mma_1px_percent: float
    mma_2px_percent: float
    mma_3px_percent: float
    mma_5px_percent: float
    mha_3px_percent: float
    published_mma_1px_percent: float | None
    published_mma_2px_percent: float | None
    published_mma_3px_percent: float | None
    published_mma_5px_percent: float | None
    published_mha_3px_percent: float | None


@dataclass(frozen=True, slots=True)
class StereoRow:
    """All pairs of a PhotoTourism scene."""

    scene: str
    features: str
    pairs: int
    keypoints: float
    maa_5deg_percent: float
    maa_10deg_percent: float
    published_maa_5deg_percent: float | None
    published_maa_10deg_percent: float | None


@dataclass(frozen=True, slots=True)
class MultiviewRow:
    """All bags of one size of a PhotoTourism scene, or the mean over the sizes."""

    scene: str
    features: str
    images: str  # of each bag
    bags: int
    maa_5deg_percent: float
    maa_10deg_percent: float
    registered_percent: float
    track_length: float
    landmarks: float
    published_maa_5deg_percent: float | None
    published_maa_10deg_percent: float | None


def hpatches_rows(results: Sequence[HomographyResult]) -> list[HpatchesRow]:
    """Average over all pairs but those of photographs; no rows where there are none."""
    planar = [result for result in results if result.group != PHOTOGRAPHS]
    rows = []
    for features in dict.fromkeys(result.features for result in planar):
        scores = [result.scores for result in planar if result.features == features]
        counts = [score.num_pairs for score in scores]
        mma = np.average([score.matching_accuracy for score in scores], axis=0, weights=counts)
        mha = np.average([score.homography_accuracy for score in scores], axis=0, weights=counts)
        keypoints = float(np.average([score.num_keypoints for score in scores], weights=counts))
        ours = (*(percent_at(mma, px) for px in HPATCHES_MMA_PX), percent_at(mha, 3))
        published = HPATCHES.get(features, (None,) * 5)
        rows.append(HpatchesRow(features, sum(counts), keypoints, *ours, *published))
    return rows


def stereo_rows(results: Sequence[StereoResult]) -> list[StereoRow]:
    """Turn results into rows, in their order."""
    return [
        StereoRow(
            result.scene, result.features, result.num_pairs, result.num_keypoints,
            100 * result.maa_5deg, 100 * result.maa_10deg, *STEREO.get(result.features, (None, None)),
        )
        for result in results
    ]  # fmt: skip


def multiview_rows(results: Sequence[MultiviewResult]) -> list[MultiviewRow]:
    """Turn results into rows, in their order, and add the mean over the sizes that was published."""
    rows = []
    for scene, features in dict.fromkeys((result.scene, result.features) for result in results):
        own = [result for result in results if (result.scene, result.features) == (scene, features)]
        for result in own:
            rows.append(_multiview_row(str(result.bag_size), [result], (None, None)))
        if tuple(result.bag_size for result in own) == MULTIVIEW_SIZES:
            published = MULTIVIEW.get(features, (None, None))
            rows.append(_multiview_row(", ".join(map(str, MULTIVIEW_SIZES)), own, published))
    return rows


def _multiview_row(
    images: str, results: Sequence[MultiviewResult], published: tuple[float | None, float | None]
) -> MultiviewRow:
    return MultiviewRow(
        results[0].scene,
        results[0].features,
        images,
        sum(result.num_bags for result in results),
        100 * float(np.mean([result.maa_5deg for result in results])),
        100 * float(np.mean([result.maa_10deg for result in results])),
        100 * float(np.mean([result.registered for result in results])),
        float(np.mean([result.track_length for result in results])),
        float(np.mean([result.num_landmarks for result in results])),
        *published,
    )
