"""How good keypoints, descriptors and the poses that follow from them are. Pure functions of arrays.

Pairs related by a homography: repeatability, matching score, matching accuracy and corner error, as
X. Zhao et al., "ALIKE", IEEE Transactions on Multimedia 2022, on the protocol of M. Dusmanu et al.,
"D2-Net", CVPR 2019. Pairs related by a motion: pose error and AUC as P.-E. Sarlin et al.,
"SuperGlue", CVPR 2020, section 5.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.evaluation.repeatability import num_covisible, repeated_distances_px
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

Array = NDArray[np.float64]

THRESHOLDS_PX: Array = np.arange(1.0, 11.0)
AUC_THRESHOLDS_DEG = (5.0, 10.0, 20.0)


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Width and height in px."""

    width: int
    height: int

    @property
    def corners(self) -> Array:
        """Return the centres (4, 2) of the corner pixels, px."""
        x, y = self.width - 1.0, self.height - 1.0
        return np.array([[0.0, 0.0], [x, 0.0], [x, y], [0.0, y]])

    def contains(self, pixels: Array) -> NDArray[np.bool_]:
        """Tell which pixels (N, 2) lie in the image, as (N,) booleans; NaN never does."""
        return np.asarray(((pixels >= 0) & (pixels <= self.corners[2])).all(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class HomographyScores:
    """One image pair. Arrays (T,): a share in [0, 1] at each of ``THRESHOLDS_PX``."""

    num_keypoints: float  # per image
    num_matches: int
    repeatability: Array  # N_gt / N_cov: keypoints that both images have over covisible keypoints per image
    matching_score: Array  # right matches over covisible keypoints per image, N_cov
    matching_accuracy: Array  # right matches over all matches, 0 without any
    corner_error_px: float  # of the homography estimated from the matches, infinite where there is none


@dataclass(frozen=True, slots=True, eq=False)
class MeanHomographyScores:
    """Means over image pairs; every pair counts the same."""

    num_pairs: int
    num_keypoints: float
    num_matches: float
    repeatability: Array  # (T,)
    matching_score: Array
    matching_accuracy: Array  # MMA
    homography_accuracy: Array  # MHA: share of the pairs with a smaller corner error


def score_homography_pair(
    pixels0: Array,
    pixels1: Array,
    matches: NDArray[np.int64],
    H_1_0: Array,
    H_1_0_estimated: Array | None,
    size0: ImageSize,
    size1: ImageSize,
) -> HomographyScores:
    """Compare keypoints and matches of two images with the homography between them.

    Args:
        pixels0: (N0, 2) keypoints of the first image, px.
        pixels1: (N1, 2) keypoints of the second image, px.
        matches: (M, 2) indices into both, one to one.
        H_1_0: (3, 3) true homography, ``pixels1 ~ H_1_0 @ pixels0``.
        H_1_0_estimated: (3, 3) from the matches, None where estimation failed.
        size0: of the first image.
        size1: of the second image.
    """
    warped0, warped1 = warp(H_1_0, pixels0), warp(_inverse(H_1_0), pixels1)
    errors_px = np.linalg.norm(warped0[matches[:, 0]] - pixels1[matches[:, 1]], axis=1)
    num_right = _num_within(errors_px)
    seen0, seen1 = _only_inside(warped0, size1), _only_inside(warped1, size0)
    num_seen = max(num_covisible(seen0, seen1), 1.0)
    repeated_px = repeated_distances_px(pixels0, pixels1, seen0, seen1)
    return HomographyScores(
        num_keypoints=0.5 * (len(pixels0) + len(pixels1)),
        num_matches=len(matches),
        repeatability=_num_within(repeated_px) / num_seen,
        matching_score=num_right / num_seen,
        matching_accuracy=num_right / max(len(matches), 1),
        corner_error_px=corner_error_px(H_1_0_estimated, H_1_0, size0),
    )


def mean_homography_scores(scores: Sequence[HomographyScores]) -> MeanHomographyScores:
    """Average over at least one pair."""
    corner_errors_px = np.array([pair.corner_error_px for pair in scores])
    return MeanHomographyScores(
        num_pairs=len(scores),
        num_keypoints=float(np.mean([pair.num_keypoints for pair in scores])),
        num_matches=float(np.mean([pair.num_matches for pair in scores])),
        repeatability=np.mean([pair.repeatability for pair in scores], axis=0),
        matching_score=np.mean([pair.matching_score for pair in scores], axis=0),
        matching_accuracy=np.mean([pair.matching_accuracy for pair in scores], axis=0),
        homography_accuracy=_num_within(corner_errors_px) / len(scores),
    )


def percent_at(shares: Array, threshold_px: int) -> float:
    """Look up the per cent at one of ``THRESHOLDS_PX`` in shares (T,)."""
    return float(100 * shares[THRESHOLDS_PX.searchsorted(threshold_px)])


def warp(H_b_a: Array, pixels_a: Array) -> Array:
    """Map pixels (N, 2) of image a to (N, 2) of image b by a homography (3, 3); NaN beyond a's horizon.

    The sign of a homography is free; the side of the horizon on which the origin of image a lies is taken
    as the visible one.
    """
    points = np.column_stack([pixels_a, np.ones(len(pixels_a))]) @ (H_b_a / H_b_a[2, 2]).T
    depth = np.where(points[:, 2] > 1e-9, points[:, 2], np.nan)
    return np.asarray(points[:, :2] / depth[:, None])


def corner_error_px(H_estimated: Array | None, H_true: Array, size: ImageSize) -> float:
    """Average how far apart two homographies (3, 3) put the corners; infinite without the first."""
    if H_estimated is None:
        return float("inf")
    difference = warp(H_estimated, size.corners) - warp(H_true, size.corners)
    error_px = float(np.linalg.norm(difference, axis=1).mean())
    return error_px if np.isfinite(error_px) else float("inf")


def pose_error_deg(T_0_1_estimated: Transform | None, T_0_1_true: Transform, min_baseline: float) -> float:
    """Return the larger of the angles between two rotations and between two directions of translation.

    Opposite directions count as the same, as in SuperGlue: an essential matrix does not tell them apart.

    Args:
        T_0_1_estimated: (4, 4) translation of any length; None gives an infinite error.
        T_0_1_true: (4, 4).
        min_baseline: below this length of the true translation only the rotation counts.
    """
    if T_0_1_estimated is None:
        return float("inf")
    R_difference = T_0_1_estimated[:3, :3].T @ T_0_1_true[:3, :3]
    error_rad = float(se3.rotation_angle_rad(R_difference))
    if np.linalg.norm(T_0_1_true[:3, 3]) >= min_baseline:
        error_rad = max(error_rad, _angle_between_lines_rad(T_0_1_estimated[:3, 3], T_0_1_true[:3, 3]))
    return float(np.rad2deg(error_rad))


def pose_auc(errors_deg: Array, thresholds_deg: Sequence[float] = AUC_THRESHOLDS_DEG) -> tuple[float, ...]:
    """Measure the area under the curve of recall over error, from 0 to each threshold, as a share.

    The curve is linear between the sorted errors (N,) and level after the last one below the threshold.
    Failures are infinite.
    """
    errors = np.concatenate([[0.0], np.sort(errors_deg)])
    recall = np.arange(len(errors)) / max(len(errors_deg), 1)
    areas = []
    for threshold_deg in thresholds_deg:
        count = int(np.searchsorted(errors, threshold_deg))
        x = np.append(errors[:count], threshold_deg)
        y = np.append(recall[:count], recall[count - 1])
        areas.append(float((np.diff(x) * 0.5 * (y[1:] + y[:-1])).sum() / threshold_deg))
    return tuple(areas)


def mean_average_accuracy(errors_deg: Array, max_deg: int) -> float:
    """Average the shares of errors (N,) within 1, 2, .. ``max_deg`` degrees (Jin et al., IJCV 2021: mAA)."""
    thresholds_deg = np.arange(1, max_deg + 1)
    return float((np.asarray(errors_deg)[:, None] <= thresholds_deg).mean()) if len(errors_deg) else 0.0


def _inverse(H_b_a: Array) -> Array:
    return np.asarray(np.linalg.inv(H_b_a), dtype=np.float64)


def _only_inside(warped: Array, size: ImageSize) -> Array:
    """Replace the pixels (N, 2) that lie outside an image by NaN."""
    return np.where(size.contains(warped)[:, None], warped, np.nan)


def _angle_between_lines_rad(direction0: Array, direction1: Array) -> float:
    """Measure an angle in [0, pi / 2] by the arc tangent, which is exact for tiny angles too."""
    sine = np.linalg.norm(np.cross(direction0, direction1))
    return float(np.arctan2(sine, abs(direction0 @ direction1)))


def _num_within(errors_px: Array) -> Array:
    """Count the errors (N,) within each of ``THRESHOLDS_PX`` (T,); NaN and infinity never are."""
    return np.asarray((errors_px[:, None] <= THRESHOLDS_PX).sum(axis=0), dtype=np.float64)
