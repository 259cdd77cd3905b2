"""A world whose every pixel is known, and the cameras that see it.

The world is a pattern at infinity: brightness depends on the viewing direction in the body frame and
on the frame. Whatever a source does (undistort, rectify, turn), its frames must show that pattern
through its own ``camera`` and ``T_body_cam``.
"""

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform, from_rotation_translation, so3_exp
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.rectification import RectifiedPair, rectify
from vo_frontend.sensors.rig import MountedCamera

NUM_FRAMES = 8
CAMERA = PinholeCamera(100.0, 102.0, 62.5, 47.25, 128, 96)
LENS = (-0.25, 0.06, 0.001, -0.0005)
DISTORTED = Camera.from_pinhole(CAMERA, "radial-tangential", LENS)
STRAIGHT = Camera.from_pinhole(CAMERA)
T_BODY_CAM: list[Transform] = [
    from_rotation_translation(so3_exp(np.array([0.02, -0.03, 0.05])), np.array([0.0, 0.0, 0.01])),
    from_rotation_translation(so3_exp(np.array([-0.01, 0.02, 0.03])), np.array([0.11, 0.004, 0.012])),
]
DEPTH_M = 1.25


def pattern(rays_body: NDArray[np.float64], position: int) -> NDArray[np.float64]:
    """Return the brightness (H, W) of viewing directions (H, W, 3) at one position in the sequence."""
    x, y = rays_body[..., 0] / rays_body[..., 2], rays_body[..., 1] / rays_body[..., 2]
    return np.asarray(128 + 100 * np.sin(9 * x + 0.5 * position) * np.cos(7 * y - 2 * x))


def rays_of(calibration: Camera, R_body_cam: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return viewing directions (H, W, 3) of all pixels, in the body frame, through the lens."""
    camera = calibration.pinhole
    grid = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1)
    lens = np.array(calibration.distortion or [0.0] * 4)
    flat = cv2.undistortPoints(grid.reshape(-1, 1, 2).astype(np.float64), camera.K, lens).reshape(-1, 2)
    rays_cam = np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
    return np.asarray(rays_cam @ R_body_cam.T).reshape(camera.height, camera.width, 3)


def render(
    calibration: Camera, position: int, R_body_cam: NDArray[np.float64] | None = None
) -> NDArray[np.uint8]:
    """Record what a real camera does: grey (H, W)."""
    R_body_cam = np.eye(3) if R_body_cam is None else R_body_cam
    return _render(calibration, position, tuple(R_body_cam.ravel()))


@functools.cache
def _render(calibration: Camera, position: int, rotation: tuple[float, ...]) -> NDArray[np.uint8]:
    rays = rays_of(calibration, np.array(rotation).reshape(3, 3))
    return np.rint(pattern(rays, position)).astype(np.uint8)


def colored(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make (H, W, 3) BGR whose channels differ, so that a swap shows; green is the pattern."""
    return np.stack([np.full_like(grey, 20), grey, np.full_like(grey, 230)], axis=-1)


def depth_image(units_per_m: int, invalid: int) -> NDArray[np.uint16]:
    """Record DEPTH_M (H, W) everywhere but in one rectangle."""
    depth = np.full((CAMERA.height, CAMERA.width), DEPTH_M * units_per_m, dtype=np.uint16)
    depth[40:56, 50:70] = invalid
    return depth


def rectified_pair() -> RectifiedPair:
    """Rectify the two distorted cameras of T_BODY_CAM."""
    left, right = (MountedCamera(DISTORTED, T) for T in T_BODY_CAM)
    return rectify(left, right, "rig")
