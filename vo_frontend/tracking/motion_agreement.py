"""Whether a step of the camera can be believed: what has moved in the image says what it should be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform

# Of the matches with the frame before. The worst frames of fast turns have 92 % (TUM fr1_rpy), those after
# cuts between streets that look alike 53 to 79 % (built-in street).
MIN_AGREEING_SHARE = 0.85
MAX_ERROR_PX = 12.0  # motion blur moves keypoints
MIN_MATCHED_SHARE = 0.2  # of the features: fewer are no picture of a motion; blur leaves 22 % (KITTI)
CLOSEST_SHARE = 0.1  # of its depth before, that a point may come to have


def motion_agrees(
    pixels_before: NDArray[np.floating[Any]],
    pixels_now: NDArray[np.floating[Any]],
    num_features: int,
    T_before_now: Transform,
    camera: PinholeCamera,
    nearest: float,
) -> bool:
    """Tell whether enough features match those of the frame before, and are where a step puts them.

    Args:
        pixels_before: (N, 2) px of features of the frame before.
        pixels_now: (N, 2) px of the features that match them.
        num_features: of the frame.
        T_before_now: (4, 4) the step.
        camera: of both.
        nearest: see :func:`motion_errors`.
    """
    if len(pixels_now) == 0 or len(pixels_now) < MIN_MATCHED_SHARE * num_features:
        return False
    errors = motion_errors(camera.rays(pixels_before), camera.rays(pixels_now), T_before_now, nearest)
    return float((errors * camera.focal_px < MAX_ERROR_PX).mean()) >= MIN_AGREEING_SHARE


def motion_errors(
    rays_before: NDArray[np.float64],
    rays_now: NDArray[np.float64],
    T_before_now: Transform,
    nearest: float,
) -> NDArray[np.float64]:
    """Measure how far matches are from where a step puts them, in ray units (N,).

    A point of unknown depth lies on a piece of its epipolar line, between its places for infinity and for
    ``nearest``: unlike the epipolar distance this judges a step of length 0, and the length of any other.

    Args:
        rays_before: (N, 2) of features of the frame before.
        rays_now: (N, 2) of the features that match them.
        T_before_now: (4, 4) the step.
        nearest: depth that nothing in the image is expected to fall below.
    """
    T_now_before = se3.inverse(T_before_now)
    directions = np.column_stack([rays_before, np.ones(len(rays_before))]) @ T_now_before[:3, :3].T
    step = T_now_before[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        passing = (1.0 - CLOSEST_SHARE) * directions[:, 2] / -step[2] if step[2] < 0 else np.inf
        inverse_depth = np.minimum(1.0 / nearest, passing)
        near = directions + np.reshape(inverse_depth, (-1, 1)) * step
        at_infinity, at_nearest = (points[:, :2] / points[:, 2:] for points in (directions, near))
        line, offset = at_nearest - at_infinity, rays_now - at_infinity
        along = (offset * line).sum(axis=1) / np.maximum((line * line).sum(axis=1), 1e-18)
        errors = np.linalg.norm(offset - along.clip(0.0, 1.0)[:, None] * line, axis=1)
    return np.where((directions[:, 2] > 0) & np.isfinite(errors), errors, np.inf)
