"""Measure the quality of a network on pairs that it is never trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vo_frontend import palette
from vo_frontend.errors import ConfigError, OutputError
from vo_frontend.evaluation.repeatability import num_covisible, repeated_distances_px
from vo_frontend.features.networks.detection import detect
from vo_frontend.features.networks.trunk import FeatureNetwork
from vo_frontend.training.data.pairs import PairBatch, PairSource, stack
from vo_frontend.training.engine.randomness import sample_rng
from vo_frontend.training.engine.task import ValidationRecord
from vo_frontend.training.local_features.losses.correspondence import warp_points
from vo_frontend.training.local_features.train_config import ValidationConfig

THRESHOLD_PX = 3.0  # of a correct match and of a repeated keypoint
PICTURE_SCALE = 2
VALIDATION_SEED = 20_230_327  # the same pairs whatever the seed of the run, so that runs compare


@dataclass(frozen=True, slots=True)
class MatchingRecord(ValidationRecord):
    """Means over the validation pairs: a row of ``validation.csv``."""

    quality_name: ClassVar[str] = "quality_3px"

    mma_3px: float  # share of mutual nearest neighbours that the geometry confirms
    repeatability_3px: float  # keypoints that both images have, one to one, over covisible ones per image
    matching_score_3px: float  # right matches over covisible keypoints per image
    quality_3px: float  # mean of the three, by which the best weights are chosen
    num_keypoints: float  # per image
    num_matches: float  # per pair, where the geometry is known

    def summary(self) -> str:
        """Say in one line how good the network is."""
        return (
            f"matching accuracy {self.mma_3px:.3f}, repeatability {self.repeatability_3px:.3f} and "
            f"matching score {self.matching_score_3px:.3f} at 3 px, "
            f"{self.num_matches:.0f} matches of {self.num_keypoints:.0f} keypoints"
        )


class MatchingValidation:
    """Matches the same held-out pairs every time, and draws the matches of the first."""

    record = MatchingRecord

    def __init__(self, config: ValidationConfig, sources: Sequence[PairSource], device: torch.device) -> None:
        """Make the pairs: the ``sources``, one of each kind of data, take turns.

        Raises:
            ConfigError: fewer pairs than kinds.
            VoError: a pair cannot be read.
        """
        self._max_keypoints = config.max_keypoints
        self._pairs = [pair.to(device) for pair in validation_pairs(sources, config.num_pairs)]

    def __call__(self, network: FeatureNetwork, step: int, folder: Path) -> MatchingRecord:
        """Measure a network after a step and write ``matches_<steps done>.png``.

        Raises:
            OutputError: the picture cannot be written.
        """
        record = validate(network, self._pairs, self._max_keypoints, step)
        picture = folder / f"matches_{step + 1:08d}.png"
        draw_matches(network, self._pairs[0], self._max_keypoints, picture)
        return record


def validation_pairs(sources: Sequence[PairSource], num_pairs: int) -> list[PairBatch]:
    """Make ``num_pairs`` batches of one: sources take turns, and items are spread evenly over each.

    Raises:
        ConfigError: fewer pairs than sources.
        VoError: a pair cannot be read.
    """
    if num_pairs < len(sources):
        raise ConfigError(
            f"validation.num_pairs: got {num_pairs}, expected at least {len(sources)}, one per kind of data"
        )
    pairs = []
    for number in range(num_pairs):
        turn, kind = divmod(number, len(sources))
        num_turns = -(-(num_pairs - kind) // len(sources))
        item = turn * len(sources[kind]) // num_turns
        pairs.append(stack([sources[kind].pair(item, sample_rng(VALIDATION_SEED, number))]))
    return pairs


@dataclass(frozen=True, slots=True)
class _Matched:
    """Mutual nearest neighbours of one pair, where it is known which are right."""

    keypoints0: Tensor  # (M, 2) px
    keypoints1: Tensor  # (M, 2) px
    is_correct: Tensor  # (M,) bool
    repeatability: float
    matching_score: float
    num_keypoints: float  # mean of both images


def validate(
    network: FeatureNetwork, pairs: Sequence[PairBatch], max_keypoints: int, step: int
) -> MatchingRecord:
    """Match every pair (batches of one) by mutual nearest neighbours; leave the network in evaluation mode.

    A pair without matches counts as a matching accuracy of 0.
    """
    found = [_match(network, pair, max_keypoints) for pair in pairs]
    accuracies = [float(m.is_correct.float().mean()) if len(m.is_correct) else 0.0 for m in found]
    three = [accuracies, [m.repeatability for m in found], [m.matching_score for m in found]]
    mma, repeatability, matching_score = np.mean(three, axis=1).tolist()
    return MatchingRecord(
        step,
        mma_3px=mma,
        repeatability_3px=repeatability,
        matching_score_3px=matching_score,
        quality_3px=(mma + repeatability + matching_score) / 3,
        num_keypoints=float(np.mean([m.num_keypoints for m in found])),
        num_matches=float(np.mean([len(m.is_correct) for m in found])),
    )


def draw_matches(network: FeatureNetwork, pair: PairBatch, max_keypoints: int, path: Path) -> None:
    """Write a picture of both images side by side, right matches in blue, wrong ones in orange.

    Raises:
        OutputError: the picture cannot be written.
    """
    matched = _match(network, pair, max_keypoints)
    images = [_bgr(image[0]) for image in (pair.image0, pair.image1)]
    canvas = cv2.resize(np.hstack(images), None, fx=PICTURE_SCALE, fy=PICTURE_SCALE)
    shift = torch.tensor([images[0].shape[1], 0])
    ends = zip(matched.keypoints0.cpu(), matched.keypoints1.cpu() + shift, matched.is_correct, strict=True)
    for start, end, is_correct in sorted(ends, key=lambda line: bool(line[2]), reverse=True):
        color = palette.bgr(palette.SKY_BLUE if is_correct else palette.VERMILION)
        pixels = [[round(float(value) * PICTURE_SCALE) for value in point] for point in (start, end)]
        cv2.line(canvas, pixels[0], pixels[1], color, 1, cv2.LINE_AA)
    if not cv2.imwrite(str(path), canvas):
        raise OutputError(f"{path}: cannot write the picture; free some space, then resume")


@torch.no_grad()
def _match(network: FeatureNetwork, pair: PairBatch, max_keypoints: int) -> _Matched:
    network.eval()
    keypoints, descriptors = [], []
    for image in (pair.image0, pair.image1):
        pyramid, score_map = network(image)
        positions, _ = detect(score_map, max_keypoints, network.border)
        keypoints.append(positions)
        descriptors.append(network.describe(pyramid, positions))
    warped0 = warp_points(keypoints[0], pair.warp01[0], pair.covisible01[0])
    warped1 = warp_points(keypoints[1], pair.warp10[0], pair.covisible10[0])
    index0, index1 = _mutual_nearest(descriptors[0], descriptors[1])
    is_known = warped0[index0].isfinite().all(dim=1)
    index0, index1 = index0[is_known], index1[is_known]
    is_correct = (warped0[index0] - keypoints[1][index1]).norm(dim=1) <= THRESHOLD_PX
    places = [points.cpu().double().numpy() for points in (*keypoints, warped0, warped1)]
    num_seen = max(num_covisible(*places[2:]), 1.0)
    return _Matched(
        keypoints[0][index0],
        keypoints[1][index1],
        is_correct,
        float((repeated_distances_px(*places) <= THRESHOLD_PX).sum()) / num_seen,
        int(is_correct.sum()) / num_seen,
        (len(keypoints[0]) + len(keypoints[1])) / 2,
    )


def _mutual_nearest(descriptors0: Tensor, descriptors1: Tensor) -> tuple[Tensor, Tensor]:
    """Match descriptors (N0, D), (N1, D) that choose each other. Returns their indices (M,), (M,)."""
    if not len(descriptors0) or not len(descriptors1):
        nothing = torch.zeros(0, dtype=torch.long, device=descriptors0.device)
        return nothing, nothing
    similarity = descriptors0 @ descriptors1.T
    nearest0, nearest1 = similarity.argmax(dim=1), similarity.argmax(dim=0)
    index0 = (nearest1[nearest0] == torch.arange(len(nearest0), device=nearest0.device)).nonzero()[:, 0]
    return index0, nearest0[index0]


def _bgr(image: Tensor) -> NDArray[np.uint8]:
    """Convert (3, H, W) RGB in [0, 1] to (H, W, 3) BGR uint8."""
    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).flip(-1)
    return np.ascontiguousarray(pixels.cpu().numpy())
