"""Epipolar geometry of two calibrated views."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import Transform, hat, inverse


def essential_from_pose(T_cam0_cam1: Transform) -> NDArray[np.float64]:
    """Return E (3, 3) of a pose (4, 4): ``ray1' E ray0 == 0`` for homogeneous rays of one point."""
    T_cam1_cam0 = inverse(T_cam0_cam1)
    return np.asarray(hat(T_cam1_cam0[:3, 3]) @ T_cam1_cam0[:3, :3])


def sampson_errors(
    E: NDArray[np.float64], rays0: NDArray[np.float64], rays1: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the Sampson distance (N,) of matching rays (N, 2) from E (3, 3), in ray units.

    Times the focal length it is in px. Not the algebraic distance, which favours epipoles inside the
    image (HZ 11.4.3).
    """
    x0 = np.column_stack([rays0, np.ones(len(rays0))])
    x1 = np.column_stack([rays1, np.ones(len(rays1))])
    line1, line0 = x0 @ E.T, x1 @ E
    gradient = (line1[:, :2] ** 2).sum(axis=1) + (line0[:, :2] ** 2).sum(axis=1)
    return np.abs((x1 * line1).sum(axis=1)) / np.sqrt(np.maximum(gradient, 1e-18))
