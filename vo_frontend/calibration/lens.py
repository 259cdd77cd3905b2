"""Intrinsics and lens from views of a board (Zhang, PAMI 2000; Kannala and Brandt, PAMI 2006), by OpenCV."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.calibration.boards import BoardView
from vo_frontend.errors import CameraError
from vo_frontend.geometry.se3 import Transform, from_rotation_translation
from vo_frontend.sensors.calibration import Camera

ImageSize = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Lens:
    """A model of distortion that may be chosen."""

    model: str
    num_coefficients: int

    @property
    def name(self) -> str:
        """Name the model, and say if it goes one coefficient further than usual."""
        return self.model + (" with k3" if self.num_coefficients > 4 else "")


RADIAL_TANGENTIAL = Lens("radial-tangential", 4)
RADIAL_TANGENTIAL_K3 = Lens("radial-tangential", 5)
EQUIDISTANT = Lens("equidistant", 4)


@dataclass(frozen=True, slots=True)
class Solution:
    """A camera, and how well it fits the views that it was made from."""

    camera: Camera
    errors_px: NDArray[np.float64]  # (V,) rms of each view
    rms_px: float  # over all corners


def solve(views: Sequence[BoardView], size: ImageSize, lens: Lens) -> Solution | None:
    """Calibrate with one lens; None where the views do not determine it, or it folds the image."""
    points = [view.points_m.astype(np.float32)[None] for view in views]
    pixels = [view.pixels.astype(np.float32)[None] for view in views]
    try:
        if lens.model == "equidistant":
            flags = cv2.CALIB_RECOMPUTE_EXTRINSIC | cv2.CALIB_FIX_SKEW
            wide = (
                [array.astype(np.float64) for array in points],
                [each.astype(np.float64) for each in pixels],
            )
            _, K, coefficients = cv2.fisheye.calibrate(*wide, size, np.eye(3), np.zeros((4, 1)), flags=flags)[
                :3
            ]
        else:
            flags = cv2.CALIB_FIX_K3 if lens.num_coefficients < 5 else 0
            _, K, coefficients = cv2.calibrateCamera(points, pixels, size, None, None, flags=flags)[:3]
    except cv2.error:  # ill-conditioned: too few or too similar views
        return None
    distortion = tuple(float(value) for value in np.ravel(coefficients)[: lens.num_coefficients])
    intrinsics = (float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))
    try:
        camera = Camera(*intrinsics, *size, lens.model, distortion)
    except CameraError:
        return None
    errors_px = np.array([view_error_px(camera, view) for view in views])
    counts = np.array([len(view) for view in views])
    return Solution(camera, errors_px, float(np.sqrt((errors_px**2 * counts).sum() / counts.sum())))


def pose_of_board(camera: Camera, view: BoardView) -> Transform | None:
    """Estimate ``T_cam_board`` (4, 4), m, by least squares on the image plane of the ideal camera."""
    rays = camera.rays(view.pixels)
    usable = np.isfinite(rays).all(axis=1)
    if usable.sum() < 4:
        return None
    is_found, rotation, translation = cv2.solvePnP(
        view.points_m[usable], rays[usable], np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
    )
    if not is_found:
        return None
    rotation, translation = cv2.solvePnPRefineLM(
        view.points_m[usable], rays[usable], np.eye(3), None, rotation, translation
    )
    return from_rotation_translation(cv2.Rodrigues(rotation)[0], np.ravel(translation))


def view_error_px(camera: Camera, view: BoardView) -> float:
    """Return the rms distance in px between corners and their projection, at the best pose; inf without one.

    The view need not be one of those that the camera was made from: then this is its held-out error.
    """
    T_cam_board = pose_of_board(camera, view)
    if T_cam_board is None:
        return np.inf
    points_cam = view.points_m @ T_cam_board[:3, :3].T + T_cam_board[:3, 3]
    if (points_cam[:, 2] <= 0).any():
        return np.inf
    projected = camera.distort(points_cam[:, :2] / points_cam[:, 2:])
    return float(np.sqrt(((projected - view.pixels) ** 2).sum(axis=1).mean()))
