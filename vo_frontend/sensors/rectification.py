"""Stereo rectification: turn two cameras so that a point has the same row in both images.

Bouguet's method, as in ``cv2.stereoRectify`` and ``cv2.fisheye.stereoRectify``.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from vo_frontend.errors import CameraError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform, from_rotation_translation, inverse
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.rig import MountedCamera
from vo_frontend.sensors.undistortion import Undistorter


@dataclass(frozen=True, slots=True)
class RectifiedPair:
    """How to bring the images of two cameras to one camera model whose rows correspond."""

    left: Undistorter
    right: Undistorter
    baseline_m: float  # of the right camera along the x axis of the turned left one
    T_body_cam: Transform  # (4, 4), m, of the turned left camera


def rectify(
    left: MountedCamera, right: MountedCamera, where: str, size_px: tuple[int, int] | None = None
) -> RectifiedPair:
    """Turn both cameras so that rows correspond, and give them one camera matrix.

    A pair that is rectified already stays as it is. With ``size_px`` (width, height) the images are scaled
    to that size first.

    Raises:
        CameraError: the lenses are of different models, or the right camera is not to the right; the
            message begins with ``where``.
    """
    raw = left.calibration, right.calibration
    first, second = (each if size_px is None else each.resized(*size_px) for each in raw)
    if first.distortion_model != second.distortion_model:
        raise CameraError(f"{where}: cam0 and cam1 have different distortion models, expected the same")
    T_right_left = inverse(right.T_body_cam) @ left.T_body_cam
    if _is_rectified(first, second, T_right_left):
        baseline_m = _positive(float(-T_right_left[0, 3]), where)
        one, other = (Undistorter(each, size_px=size_px) for each in raw)
        return RectifiedPair(one, other, baseline_m, left.T_body_cam)
    size = (first.pinhole.width, first.pinhole.height)
    distortions = [np.array(lens.distortion, dtype=np.float64) for lens in (first, second)]
    arguments = (first.pinhole.K, distortions[0], second.pinhole.K, distortions[1], size)
    # Copies: OpenCV's fisheye functions refuse a matrix with gaps between its rows.
    rotation, translation = T_right_left[:3, :3].copy(), T_right_left[:3, 3:].copy()
    if first.distortion_model == "equidistant":
        R_left, R_right, P_left, P_right = cv2.fisheye.stereoRectify(
            *arguments, rotation, translation, flags=cv2.CALIB_ZERO_DISPARITY, balance=0.0
        )[:4]
    else:
        # alpha = 0: every pixel of the rectified images was seen.
        R_left, R_right, P_left, P_right = cv2.stereoRectify(
            *arguments, rotation, translation, flags=cv2.CALIB_ZERO_DISPARITY, alpha=0.0
        )[:4]
    baseline_m = _positive(float(-P_right[0, 3] / P_right[0, 0]), where)
    fx, fy, cx, cy = (float(P_left[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    camera = PinholeCamera(fx, fy, cx, cy, *size)
    return RectifiedPair(
        left=Undistorter(raw[0], camera, R_left, size_px),
        right=Undistorter(raw[1], camera, R_right, size_px),
        baseline_m=baseline_m,
        T_body_cam=left.T_body_cam @ from_rotation_translation(R_left.T, np.zeros(3)),
    )


def _is_rectified(left: Camera, right: Camera, T_right_left: Transform) -> bool:
    off_axis_m = np.abs(T_right_left[1:3, 3]).max()
    return (
        left == right
        and left.distortion_model == "none"
        and bool(np.allclose(T_right_left[:3, :3], np.eye(3), atol=1e-9))
        and bool(off_axis_m <= 1e-9 * abs(T_right_left[0, 3]))
    )


def _positive(baseline_m: float, where: str) -> float:
    if baseline_m <= 0:
        raise CameraError(f"{where}: cam1 is not right of cam0: T_BS give {baseline_m:g} m, expected > 0")
    return baseline_m
