"""A pose among points that are known with limited accuracy."""

import numpy as np
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.optimization.uncertain_points import ray_jacobians, refine_among_uncertain

RAY_SIGMA = 1e-3
Array = NDArray[np.float64]


def points_ahead(rng: np.random.Generator, count: int = 80) -> Array:
    return rng.uniform([-2, -1.5, 3], [2, 1.5, 6], (count, 3))


def rays_of(T_world_cam: se3.Transform, points_world: Array) -> Array:
    points_cam = se3.transform_points(se3.inverse(T_world_cam), points_world)
    return points_cam[:, :2] / points_cam[:, 2:]


def distance(T: se3.Transform, other: se3.Transform) -> float:
    return float(np.linalg.norm(se3.log(se3.inverse(T) @ other)))


def test_exact_points_give_the_exact_pose() -> None:
    rng = np.random.default_rng(0)
    points, T = points_ahead(rng), se3.exp(np.array([0.3, -0.1, 0.2, 0.05, -0.1, 0.02]))
    guess = T @ se3.exp(rng.normal(0, 0.03, 6))
    nothing = np.zeros((len(points), 3, 3))
    found = refine_among_uncertain(
        guess, points, nothing, rays_of(T, points), ray_sigma=RAY_SIGMA, max_iterations=20
    )
    assert_allclose(found.T_world_cam, T, atol=1e-9)
    assert found.deviations.max() < 1e-5


def test_points_with_vague_depths_are_trusted_across_the_rays_that_saw_them() -> None:
    rng, T = np.random.default_rng(1), se3.exp(np.array([0.6, 0.2, -0.3, 0.02, -0.1, 0.0]))
    points = points_ahead(rng)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)  # seen from the origin
    sigma = np.where(np.arange(len(points)) < 50, 0.5, 0.002)  # along the rays
    covariances = sigma[:, None, None] ** 2 * unit[:, :, None] * unit[:, None, :] + 1e-6 * np.eye(3)
    mapped = points + sigma[:, None] * unit * rng.normal(size=(len(points), 1))
    rays = rays_of(T, points) + RAY_SIGMA * rng.normal(size=(len(points), 2))
    same = np.broadcast_to(1e-6 * np.eye(3), covariances.shape)
    options = {"ray_sigma": RAY_SIGMA, "max_iterations": 30}
    aware = refine_among_uncertain(T, mapped, covariances, rays, **options)  # type: ignore[arg-type]
    naive = refine_among_uncertain(T, mapped, same, rays, **options)  # type: ignore[arg-type]
    assert distance(aware.T_world_cam, T) < 0.005
    assert distance(naive.T_world_cam, T) > 5 * distance(aware.T_world_cam, T)


def test_the_stated_covariance_is_that_of_repeated_estimates() -> None:
    rng, T = np.random.default_rng(2), se3.exp(np.array([0.1, 0.0, 0.2, 0.0, 0.1, 0.0]))
    points = points_ahead(rng)
    A = 0.01 * rng.normal(size=(len(points), 3, 3))
    covariances = A @ A.swapaxes(1, 2)
    twists, stated = [], np.zeros((6, 6))
    for _ in range(300):
        mapped = points + np.einsum("nij,nj->ni", A, rng.normal(size=(len(points), 3)))
        rays = rays_of(T, points) + RAY_SIGMA * rng.normal(size=(len(points), 2))
        found = refine_among_uncertain(T, mapped, covariances, rays, ray_sigma=RAY_SIGMA, max_iterations=10)
        twists.append(se3.log(se3.inverse(T) @ found.T_world_cam))
        stated += found.covariance / 300
    scatter = np.sqrt(np.diag(np.cov(np.array(twists).T)))
    assert_allclose(np.sqrt(np.diag(stated)), scatter, rtol=0.3)


def test_a_few_wrong_matches_do_not_move_the_pose() -> None:
    rng, T = np.random.default_rng(3), np.eye(4)
    points = points_ahead(rng)
    rays = rays_of(T, points)
    rays[:8] += 0.05
    nothing = np.zeros((len(points), 3, 3))
    found = refine_among_uncertain(T, points, nothing, rays, ray_sigma=RAY_SIGMA, max_iterations=20)
    assert distance(found.T_world_cam, T) < 0.002
    assert (found.deviations[:8] > 10).all()


def test_the_jacobians_are_those_of_finite_differences() -> None:
    points, step = points_ahead(np.random.default_rng(4), 5), 1e-6
    J = ray_jacobians(points)
    for axis in range(3):
        moved = points + step * np.eye(3)[axis]
        numeric = (moved[:, :2] / moved[:, 2:] - points[:, :2] / points[:, 2:]) / step
        assert_allclose(J[:, :, axis], numeric, atol=1e-5)
