"""Pictures of a chessboard by a known camera."""

import functools

import numpy as np
from numpy.typing import NDArray

from vo_frontend.calibration.boards import BoardView
from vo_frontend.geometry.se3 import Transform, from_rotation_translation, so3_exp
from vo_frontend.sensors.calibration import Camera

COLUMNS, ROWS, SQUARE_M = 9, 6, 0.025
SUPERSAMPLING = 3
Look = tuple[tuple[float, float, float], tuple[float, float, float]]
# Rotation (rad) and place of the board's centre (m) in front of a camera of about 60 degrees.
LOOKS: list[Look] = [
    ((0.0, 0.0, 0.0), (0.0, 0.0, 0.35)),
    ((0.5, 0.0, 0.0), (-0.112, -0.067, 0.42)),
    ((-0.5, 0.1, 0.0), (0.112, 0.084, 0.42)),
    ((0.0, 0.6, 0.1), (-0.126, 0.084, 0.4)),
    ((0.1, -0.6, 0.0), (0.126, -0.084, 0.4)),
    ((0.3, 0.3, 0.4), (0.0, 0.0, 0.38)),
    ((-0.4, -0.3, -0.3), (0.07, 0.034, 0.45)),
    ((0.6, 0.2, -0.2), (-0.05, 0.036, 0.36)),
    ((0.2, 0.5, 0.2), (0.12, 0.085, 0.5)),
    ((-0.2, -0.5, 0.1), (-0.12, -0.085, 0.5)),
    ((0.4, -0.4, 0.3), (0.0, 0.118, 0.45)),
    ((-0.6, 0.0, 0.2), (0.028, -0.101, 0.42)),
]


def corners_m() -> NDArray[np.float64]:
    x, y = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    return np.asarray(np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)]) * SQUARE_M, np.float64)


def T_cam_board(look: Look) -> Transform:
    rotation = so3_exp(np.array(look[0]))
    centre_m = np.array([COLUMNS - 1, ROWS - 1, 0.0]) * SQUARE_M / 2
    return from_rotation_translation(rotation, np.array(look[1]) - rotation @ centre_m)


def seen(camera: Camera, look: Look, noise_px: float = 0.0, seed: int = 0) -> BoardView:
    T = T_cam_board(look)
    points_cam = corners_m() @ T[:3, :3].T + T[:3, 3]
    pixels = camera.distort(points_cam[:, :2] / points_cam[:, 2:])
    noise = np.random.default_rng(seed).normal(0, noise_px, pixels.shape)
    return BoardView(corners_m(), pixels + noise)


@functools.cache
def _rays(camera: Camera) -> NDArray[np.float64]:
    n = SUPERSAMPLING
    offsets = (np.arange(n) + 0.5) / n - 0.5
    x = (np.arange(camera.width)[:, None] + offsets).ravel()
    y = (np.arange(camera.height)[:, None] + offsets).ravel()
    pixels = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return np.column_stack([camera.rays(pixels), np.ones(len(pixels))]).astype(np.float64)


def rendered(camera: Camera, look: Look) -> NDArray[np.uint8]:
    """Render a grey picture (H, W) by following the ray of every sample to the board."""
    n, rays = SUPERSAMPLING, _rays(camera)
    T = T_cam_board(look)
    normal = T[:3, 2]
    depth = (normal @ T[:3, 3]) / (rays @ normal)
    on_board = (rays * depth[:, None] - T[:3, 3]) @ T[:3, :2] / SQUARE_M
    square = np.floor(on_board).astype(int)
    inside = ((square >= -1) & (square < (COLUMNS, ROWS))).all(axis=1) & (depth > 0)
    paper = ((on_board >= -1.6) & (on_board < (COLUMNS + 0.6, ROWS + 0.6))).all(axis=1) & (depth > 0)
    value = np.where(paper, 235.0, 110.0)
    value[inside & (square.sum(axis=1) % 2 == 0)] = 25.0
    fine = value.reshape(camera.height, n, camera.width, n)
    return np.rint(fine.mean(axis=(1, 3))).astype(np.uint8)
