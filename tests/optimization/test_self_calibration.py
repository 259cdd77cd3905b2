"""The focal length from tracks: known where the motion determines it, doubted where it does not."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.optimization.self_calibration import LENS, Views, fit_focal, focal_spread

CAMERA = PinholeCamera(500.0, 500.0, 319.5, 239.5, 640, 480)
NUM_VIEWS, NUM_POINTS = 12, 80


def turning(position: int) -> se3.Transform:
    """Around the scene, at changing distance and height."""
    angle = 0.09 * (position - NUM_VIEWS / 2)
    rotation = se3.so3_exp(np.array([0.05 * np.sin(position), -angle, 0.03 * position]))
    place = np.array([4 * np.sin(-angle), 0.3 * np.cos(position), 4 - 4 * np.cos(angle) + 0.1 * position])
    return se3.from_rotation_translation(rotation, place)


def straight(position: int) -> se3.Transform:
    return se3.from_rotation_translation(np.eye(3), np.array([0.05, 0.0, 0.15]) * position)


def seen(poses: NDArray[np.float64], noise_px: float, k1: float) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    points = rng.uniform((-1.5, -1.2, 3.0), (1.5, 1.2, 6.0), (NUM_POINTS, 3))
    pixels = np.empty((len(poses), NUM_POINTS, 2))
    for row, T in zip(pixels, poses, strict=True):
        rays = se3.transform_points(se3.inverse(T), points)
        rays = rays[:, :2] / rays[:, 2:]
        rays *= 1 + k1 * (rays**2).sum(axis=1, keepdims=True)
        row[:] = rays * 500.0 + (319.5, 239.5) + rng.normal(0, noise_px, rays.shape)
    pixels[rng.random(pixels.shape[:2]) < 0.2] = np.nan
    pixels[~((pixels > 0) & (pixels < (640, 480))).all(axis=-1)] = np.nan
    return pixels


def views_of(motion: Callable[[int], se3.Transform], *, noise_px: float = 0.3, k1: float = 0.0) -> Views:
    poses = np.stack([motion(position) for position in range(NUM_VIEWS)])
    return Views(poses, seen(poses, noise_px, k1)).part(slice(None), slice(None), 4)


@pytest.mark.parametrize("wrong", [0.8, 1.0, 1.25])
def test_a_turning_camera_determines_its_focal_length_from_any_start(wrong: float) -> None:
    views = views_of(turning)
    given = PinholeCamera(500 * wrong, 500 * wrong, 319.5, 239.5, 640, 480)
    factor = fit_focal(given, views)
    assert factor * wrong == pytest.approx(1, abs=0.005)
    spread = focal_spread(given, views, factor, 3)
    assert abs(factor * wrong - 1) < spread < 0.02


def test_outliers_do_not_move_it() -> None:
    views = views_of(turning)
    pixels = views.pixels.copy()
    pixels[::3, ::10] += 60.0
    assert fit_focal(CAMERA, Views(views.T_world_cam, pixels)) == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_pure_translation_leaves_it_open() -> None:
    views = views_of(straight, noise_px=0.5)
    given = PinholeCamera(400.0, 400.0, 319.5, 239.5, 640, 480)
    assert focal_spread(given, views, fit_focal(given, views), 3) > 0.02


def test_a_richer_lens_agrees_where_there_is_none() -> None:
    assert fit_focal(CAMERA, views_of(turning, noise_px=0.05), LENS) == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_a_lens_that_nobody_told_of_shows_in_the_spread() -> None:
    views = views_of(turning, k1=-0.2, noise_px=0.1)
    factor = fit_focal(CAMERA, views)
    assert abs(factor - 1) > 0.005
    assert focal_spread(CAMERA, views, factor, 3) > 0.05


def test_parts_keep_only_points_with_enough_views() -> None:
    views = views_of(turning)
    part = views.part(slice(0, 5), slice(None), 4)
    assert part.pixels.shape[0] == len(part.T_world_cam) == 5
    assert (np.isfinite(part.pixels[..., 0]).sum(axis=0) >= 4).all()
