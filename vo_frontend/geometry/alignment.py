"""Least-squares similarity between two point sets (Umeyama, IEEE PAMI 1991; equation numbers from there)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

MIN_POINTS = 3


@dataclass(frozen=True, slots=True)
class Similarity:
    """``p_target = scale * R_target_source @ p_source + t_target_source``.

    Where the points lie on a straight line, the rotation about it is arbitrary; the aligned *points* are not.
    """

    scale: float
    R_target_source: NDArray[np.float64]  # (3, 3)
    t_target_source: NDArray[np.float64]  # (3,) in units of the target

    def transform_points(self, points_source: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take points (N, 3) from source to target (N, 3)."""
        return self.scale * points_source @ self.R_target_source.T + self.t_target_source

    def transform_poses(self, T_source_cam: Transform) -> Transform:
        """Take poses (N, 4, 4) from source to target (N, 4, 4): scales positions, not rotations."""
        return se3.from_rotation_translation(
            self.R_target_source @ T_source_cam[:, :3, :3], self.transform_points(T_source_cam[:, :3, 3])
        )


def align(
    points_source: NDArray[np.float64], points_target: NDArray[np.float64], *, with_scale: bool
) -> Similarity:
    """Find the similarity from source to target with the least sum of squared distances.

    Args:
        points_source: (N, 3), N >= 3; row i belongs to row i of the target.
        points_target: (N, 3).
        with_scale: estimate the scale (Sim(3)); False fixes it at 1 (SE(3)).

    Raises:
        TrajectoryError: fewer than 3 points, or ``with_scale`` and all points of one side are equal.
    """
    if points_source.shape != points_target.shape or points_source.shape[1:] != (3,):
        raise ValueError(f"align needs two (N, 3) arrays, got {points_source.shape}, {points_target.shape}")
    if len(points_source) < MIN_POINTS:
        raise TrajectoryError(
            f"alignment: got {len(points_source)} positions, expected at least {MIN_POINTS}"
        )
    mean_source, mean_target = points_source.mean(axis=0), points_target.mean(axis=0)  # eq. 34, 35
    centred_source, centred_target = points_source - mean_source, points_target - mean_target
    if with_scale:
        _require_motion("estimate", points_source, centred_source)
        _require_motion("ground truth", points_target, centred_target)

    covariance = centred_target.T @ centred_source / len(points_source)  # eq. 38
    U, D, Vt = np.linalg.svd(covariance)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(U) * np.linalg.det(Vt))])  # eq. 43
    R = (U * signs) @ Vt  # eq. 40
    variance_source = np.mean(np.sum(centred_source**2, axis=1))  # eq. 36
    scale = float(D @ signs / variance_source) if with_scale else 1.0  # eq. 42
    return Similarity(
        scale=scale,
        R_target_source=R,
        t_target_source=mean_target - scale * R @ mean_source,  # eq. 41
    )


def _require_motion(name: str, points: NDArray[np.float64], centred: NDArray[np.float64]) -> None:
    """Raise if all points (N, 3) are equal; ``centred`` (N, 3) is the same about their mean."""
    # Rounding of equal positions far from the origin must not pass for motion.
    if np.abs(centred).max() <= 1e-12 * max(1.0, float(np.abs(points).max())):
        raise TrajectoryError(
            f"alignment: all {len(points)} positions of the {name} are equal, so the scale is undefined; "
            "align with a fixed scale (SE(3)) or use a piece with motion"
        )
