import numpy as np
import pytest
from numpy.typing import NDArray
from world import CAMERA, make_world

from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.optimization.pose_refinement import refine_pose

Array = NDArray[np.float64]

RAY_OF_PIXEL = 1.0 / CAMERA.focal_px
T_TRUE = se3.exp(np.array([0.2, -0.1, 0.3, 0.02, -0.05, 0.03]))


def seen(
    *, noise_px: float = 0.5, outliers: float = 0.0, num_points: int = 500, seed: int = 0
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Points (N, 3), their rays (N, 2) from T_TRUE, and which of these (N,) point anywhere instead."""
    rng = np.random.default_rng(seed)
    pixels, index = make_world(seed=seed, num_points=num_points).visible(T_TRUE)
    points = make_world(seed=seed, num_points=num_points).points_world[index]
    rays = CAMERA.rays(pixels + noise_px * rng.normal(size=pixels.shape))
    wild = rng.random(len(rays)) < outliers
    rays[wild] = CAMERA.rays(rng.uniform((0, 0), (640, 480), size=(wild.sum(), 2)))
    return points, rays, wild


def guess(size: float = 0.03, seed: int = 0) -> Transform:
    return np.asarray(T_TRUE @ se3.exp(size * np.random.default_rng(seed).normal(size=6)))


def errors(T_world_cam: Transform) -> tuple[float, float]:
    """Translation and rotation (rad) error."""
    T_error = se3.inverse(T_TRUE) @ T_world_cam
    return float(np.linalg.norm(T_error[:3, 3])), float(se3.rotation_angle_rad(T_error[:3, :3]))


def rays_from(T_world_cam: Transform, points_world: Array) -> Array:
    points_cam = se3.transform_points(se3.inverse(T_world_cam), points_world)
    return points_cam[:, :2] / points_cam[:, 2:]


def test_exact_observations_give_the_exact_pose() -> None:
    points, rays, _ = seen(noise_px=0.0)
    refined = refine_pose(guess(), points, rays, huber=RAY_OF_PIXEL, max_iterations=20)
    np.testing.assert_allclose(refined, T_TRUE, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_thirty_percent_of_wild_matches_do_not_spoil_the_pose(seed: int) -> None:
    points, rays, wild = seen(outliers=0.3, seed=seed)
    refined = refine_pose(guess(seed=seed), points, rays, huber=RAY_OF_PIXEL, max_iterations=20)
    translation, rotation_rad = errors(refined)
    assert translation < 0.02
    assert np.rad2deg(rotation_rad) < 0.15
    error_px = np.linalg.norm(rays_from(refined, points) - rays, axis=1) / RAY_OF_PIXEL
    assert np.mean(error_px[~wild] < 4) > 0.98
    assert np.mean(error_px[wild] > 4) > 0.98


def test_poses_scatter_as_the_noise_of_the_rays_predicts() -> None:
    """The covariance of the twist is s^2 (J' J)^-1, with the Jacobian of the rays by finite differences."""
    points, exact, _ = seen(noise_px=0.0, num_points=150)
    twists = []
    for seed in range(60):
        rays = exact + RAY_OF_PIXEL * np.random.default_rng(seed).normal(size=exact.shape)
        refined = refine_pose(T_TRUE, points, rays, huber=10 * RAY_OF_PIXEL, max_iterations=10)
        twists.append(se3.log(se3.inverse(T_TRUE) @ refined))
    step = 1e-6
    columns = [
        rays_from(T_TRUE @ se3.exp(move), points) - rays_from(T_TRUE @ se3.exp(-move), points)
        for move in step * np.eye(6)
    ]
    J = np.stack([column.ravel() / (2 * step) for column in columns], axis=1)
    predicted = RAY_OF_PIXEL * np.sqrt(np.diag(np.linalg.inv(J.T @ J)))
    np.testing.assert_allclose(np.std(twists, axis=0), predicted, rtol=0.35)


@pytest.mark.parametrize("num_points", [0, 1, 2])
def test_too_few_points_leave_a_finite_pose_near_the_guess(num_points: int) -> None:
    points, rays, _ = seen()
    refined = refine_pose(
        guess(), points[:num_points], rays[:num_points], huber=RAY_OF_PIXEL, max_iterations=10
    )
    assert np.abs(refined - guess()).max() < 0.5


def test_points_that_are_not_finite_leave_the_guess() -> None:
    points, rays, _ = seen()
    points = points.copy()
    points[3] = np.nan
    refined = refine_pose(guess(), points, rays, huber=RAY_OF_PIXEL, max_iterations=10)
    np.testing.assert_allclose(refined, guess(), atol=1e-12)
