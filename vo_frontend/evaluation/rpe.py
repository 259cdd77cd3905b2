"""Relative pose error: motion between two poses, estimated against true (Sturm et al., IROS 2012)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3

DISTANCE_TOLERANCE = 0.1  # a pair counts for a distance if its path is within 10 % of it

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]  # first and last index, (P,) each


@dataclass(frozen=True, slots=True)
class RelativeErrors:
    """Errors of P relative motions."""

    translation_m: NDArray[np.float64]  # (P,)
    rotation_deg: NDArray[np.float64]  # (P,)

    def __len__(self) -> int:
        return len(self.rotation_deg)


def relative_errors(
    T_world_cam: NDArray[np.float64], T_world_cam_gt: NDArray[np.float64], pairs: Pairs
) -> RelativeErrors:
    """Compare the motions between pairs of poses.

    Args:
        T_world_cam: (N, 4, 4) estimate, in the unit of the ground truth (scale already aligned).
        T_world_cam_gt: (N, 4, 4) true poses of the same instants; its world may be another one.
        pairs: indices (P,) of the first and of the last pose of each motion.
    """
    first, last = pairs
    T_first_last = se3.inverse(T_world_cam[first]) @ T_world_cam[last]
    T_first_last_gt = se3.inverse(T_world_cam_gt[first]) @ T_world_cam_gt[last]
    T_error = se3.inverse(T_first_last_gt) @ T_first_last
    return RelativeErrors(
        translation_m=np.linalg.norm(T_error[:, :3, 3], axis=1),
        rotation_deg=np.rad2deg(se3.rotation_angle_rad(T_error[:, :3, :3])),
    )


def frame_pairs(num_poses: int, step: int) -> Pairs:
    """Pair each pose with the one ``step`` poses later: two (P,) arrays of indices."""
    first = np.arange(max(0, num_poses - step))
    return first, first + step


def distance_pairs(positions: NDArray[np.float64], distance_m: float) -> Pairs:
    """Pair each pose with the later one whose path length from it is nearest to ``distance_m``.

    Args:
        positions: (N, 3) of the ground truth, along which the path is measured.
        distance_m: starts without an end within ``DISTANCE_TOLERANCE`` of it are left out.

    Returns:
        Indices (P,) of the first and (P,) of the last pose of each pair.
    """
    path_m = path_lengths(positions)
    start = np.arange(len(path_m) - 1)
    target_m = path_m[start] + distance_m
    after = np.clip(np.searchsorted(path_m, target_m), start + 1, len(path_m) - 1)
    before = np.maximum(after - 1, start + 1)
    nearest = np.where(target_m - path_m[before] <= path_m[after] - target_m, before, after)
    # Where the camera stood still several poses are equally near: the first of them.
    nearest = np.maximum(np.searchsorted(path_m, path_m[nearest]), start + 1)
    is_pair = np.abs(path_m[nearest] - target_m) <= DISTANCE_TOLERANCE * distance_m
    return start[is_pair], nearest[is_pair]


def path_lengths(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure the path (N,) from the first position (N, 3) to each, in their unit."""
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])
