"""Run an extractor over image pairs and score what comes out."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import Config, RansacConfig
from vo_frontend.evaluation.feature_metrics import (
    HomographyScores,
    ImageSize,
    MeanHomographyScores,
    mean_homography_scores,
    pose_auc,
    pose_error_deg,
    score_homography_pair,
)
from vo_frontend.experiments.feature_quality.pairs import PlanarScene, PosedSequence
from vo_frontend.features import FeatureExtractor
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.session.build import build_estimator
from vo_frontend.sources.image_files import image_size
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.robust import RobustEstimator
from vo_frontend.types import Features, Matches

HOMOGRAPHY_THRESHOLD_PX = 3.0  # inlier of the estimated homography, as in ALIKE's evaluation
MIN_BASELINE_M = 0.05  # shorter motions have no reliable direction: ground truth is good to millimetres


@dataclass(frozen=True, slots=True, eq=False)
class HomographyResult:
    """One extractor on one group of pairs related by homographies."""

    features: str
    group: str
    scores: MeanHomographyScores


@dataclass(frozen=True, slots=True)
class PoseResult:
    """One extractor on one sequence."""

    features: str
    sequence: str
    num_pairs: int
    median_error_deg: float
    auc: tuple[float, ...]  # share in [0, 1] at each of AUC_THRESHOLDS_DEG


def score_homographies(
    name: str, extractor: FeatureExtractor, scenes: Iterable[PlanarScene]
) -> list[HomographyResult]:
    """Match the images of every scene and average the scores by group, in the order of the scenes."""
    matcher = all_mutual_matches()
    by_group: dict[str, list[HomographyScores]] = {}
    for scene in scenes:
        size0 = ImageSize(*image_size(scene.reference))
        estimator = _homography_estimator(size0)
        features0 = extractor.extract(scene.reference)
        for other, H_1_0 in zip(scene.others, scene.homographies, strict=True):
            features1 = extractor.extract(other)
            matches = matcher.match(features0.descriptors, features1.descriptors)
            found = estimator.homography(*_matched_pixels(features0, features1, matches))
            scores = score_homography_pair(
                features0.pixels.astype(np.float64),
                features1.pixels.astype(np.float64),
                np.column_stack([matches.index0, matches.index1]),
                H_1_0,
                None if found is None else found.H,
                size0,
                ImageSize(*image_size(other)),
            )
            by_group.setdefault(scene.group, []).append(scores)
    return [HomographyResult(name, group, mean_homography_scores(pairs)) for group, pairs in by_group.items()]


def score_poses(name: str, extractor: FeatureExtractor, sequence: PosedSequence) -> PoseResult:
    """Estimate the motion of all pairs of a sequence by the essential matrix, and summarize its errors."""
    matcher, estimator = all_mutual_matches(), build_estimator(Config(), sequence.camera)
    features = {position: extractor.extract(image) for position, image in sequence.images.items()}
    errors_deg = []
    for pair in sequence.pairs:
        features0, features1 = features[pair.frame0], features[pair.frame1]
        matches = matcher.match(features0.descriptors, features1.descriptors)
        found = estimator.relative_pose(*_matched_pixels(features0, features1, matches))
        T_cam0_cam1 = None if found is None else found.T_cam0_cam1
        errors_deg.append(pose_error_deg(T_cam0_cam1, pair.T_cam0_cam1, MIN_BASELINE_M))
    errors = np.array(errors_deg)
    return PoseResult(name, sequence.name, len(errors), float(np.median(errors)), pose_auc(errors))


def all_mutual_matches() -> Matcher:
    """Match all pairs that choose each other: a threshold would favour one kind of descriptor."""
    return Matcher(min_similarity=-1.0)


def _matched_pixels(
    features0: Features, features1: Features, matches: Matches
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (
        features0.pixels[matches.index0].astype(np.float64),
        features1.pixels[matches.index1].astype(np.float64),
    )


def _homography_estimator(size: ImageSize) -> RobustEstimator:
    """Build an estimator for homographies, with the camera that it wants and they do not use."""
    focal_px = float(max(size.width, size.height))
    camera = PinholeCamera(focal_px, focal_px, 0.5 * size.width, 0.5 * size.height, size.width, size.height)
    return build_estimator(
        Config(ransac=RansacConfig(reprojection_threshold_px=HOMOGRAPHY_THRESHOLD_PX)), camera
    )
