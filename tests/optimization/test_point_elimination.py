import numpy as np
import pytest
from bundle_problems import HUBER, make_problem
from callable_parts import callable_part
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.optimization import reprojection
from vo_frontend.optimization.bundle import BundleProblem
from vo_frontend.optimization.least_squares import solve_positive_definite
from vo_frontend.optimization.point_elimination import move_points, reduced_system
from vo_frontend.optimization.reprojection import DEPTH_HUBER, measurements

residual = callable_part(reprojection.residual)

Array = NDArray[np.float64]


def system(
    problem: BundleProblem, huber: float, damping: float
) -> tuple[NDArray[np.int64], Array, Array, Array, Array, Array]:
    """point_start, measured, S, g, V, q: the reduced system, and what back-substitution needs."""
    points, size = problem.points_world, 6 * (len(problem.T_world_cam) - problem.num_fixed)
    start = np.searchsorted(problem.point_index, np.arange(len(points) + 1))
    measured = measurements(problem.rays, problem.inverse_depth, problem.depth_weight)
    written = np.empty((size, size)), np.empty(size), np.empty((len(points), 6)), np.empty((len(points), 3))
    reduced_system(
        se3.inverse(problem.T_world_cam), points, problem.pose_index, start, measured, problem.num_fixed,
        huber, damping, *written,
    )  # fmt: skip
    return start, measured, *written


def dense_step(problem: BundleProblem, huber: float, damping: float) -> tuple[Array, Array]:
    """Solve the damped normal equations of all unknowns at once, with numeric Jacobians."""
    T_cam_world, points, F = se3.inverse(problem.T_world_cam), problem.points_world, problem.num_fixed
    num_poses = len(T_cam_world) - F
    measured = measurements(problem.rays, problem.inverse_depth, problem.depth_weight)

    def residual_of(o: int, x: Array) -> Array:
        k, m = problem.pose_index[o], problem.point_index[o]
        T = T_cam_world[k] if k < F else se3.exp(x[6 * (k - F) :][:6]) @ T_cam_world[k]
        point = points[m] + x[6 * num_poses + 3 * m :][:3]
        return np.array(residual(*se3.transform_points(T, point[None])[0], measured, o))

    size = 6 * num_poses + 3 * len(points)
    H, b, h = np.zeros((size, size)), np.zeros(size), 1e-6
    for o in range(len(measured)):
        J, r = np.zeros((3, size)), residual_of(o, np.zeros(size))
        k, m = problem.pose_index[o], problem.point_index[o]
        own = [*range(6 * (k - F), 6 * (k - F) + 6)] if k >= F else []
        for a in [*own, *range(6 * num_poses + 3 * m, 6 * num_poses + 3 * m + 3)]:
            d = h * np.eye(size)[a]
            J[:, a] = (residual_of(o, d) - residual_of(o, -d)) / (2 * h)
        ray_weight = min(1.0, huber / np.linalg.norm(r[:2]))
        W = np.diag([ray_weight, ray_weight, min(1.0, DEPTH_HUBER * huber / max(abs(r[2]), 1e-99))])
        H += J.T @ W @ J
        b -= J.T @ W @ r
    H[np.diag_indices(size)] *= 1 + damping
    step: Array = np.asarray(np.linalg.solve(H, b), np.float64)
    return step[: 6 * num_poses], step[6 * num_poses :].reshape(-1, 3)


@pytest.mark.parametrize("depth", [False, True])
def test_the_reduced_step_equals_that_of_the_dense_normal_equations(depth: bool) -> None:
    problem, rng = make_problem(noise_px=0.5, num_points=12, depth_noise_per_m=0.01 if depth else None)
    # A Huber width in the middle of the residuals, so that both branches of the weight are used.
    huber, damping = 0.5 * HUBER, 1e-3
    start, measured, S, g, V, q = system(problem, huber, damping)
    pose_step, point_step = dense_step(problem, huber, damping)
    assert solve_positive_definite(S, g)
    np.testing.assert_allclose(g, pose_step, rtol=1e-4, atol=1e-9)
    moved = np.empty_like(problem.points_world)
    move_points(
        se3.inverse(problem.T_world_cam), problem.points_world, problem.pose_index, start, measured,
        problem.num_fixed, huber, g, V, q, moved,
    )  # fmt: skip
    np.testing.assert_allclose(moved - problem.points_world, point_step, rtol=1e-4, atol=1e-8)
