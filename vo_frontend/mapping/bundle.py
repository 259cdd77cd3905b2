"""Bundle adjustment: Levenberg-Marquardt over poses and points, points eliminated first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.mapping.bundle_kernels import point_steps, reduced_system, residuals, robust_cost

FIRST_DAMPING = 1e-4
MAX_DAMPING = 1e6


@dataclass(frozen=True, slots=True)
class BundleProblem:
    """Observations of points by cameras, sorted by point."""

    T_world_cam: NDArray[np.float64]  # (K, 4, 4)
    num_fixed: int  # the first so many poses do not move; the rest of the gauge is left to the damping
    points_world: NDArray[np.float64]  # (M, 3)
    pose_index: NDArray[np.int64]  # (O,)
    point_index: NDArray[np.int64]  # (O,) ascending
    rays: NDArray[np.float64]  # (O, 2) observed, normalised image coordinates


@dataclass(frozen=True, slots=True)
class BundleSolution:
    """Adjusted poses and points, and how far the robust cost fell."""

    T_world_cam: NDArray[np.float64]  # (K, 4, 4)
    points_world: NDArray[np.float64]  # (M, 3)
    residuals: NDArray[np.float64]  # (O, 2) ray units
    initial_cost: float
    final_cost: float
    iterations: int


def adjust(
    problem: BundleProblem, *, huber: float, max_iterations: int, tolerance: float = 1e-5
) -> BundleSolution:
    """Minimise the Huber-robust reprojection error (``huber`` in ray units).

    Stops when the cost falls by less than ``tolerance`` of itself. Poses are perturbed on the left of
    ``T_cam_world``.
    """
    T_cam_world, points = se3.inverse(problem.T_world_cam), problem.points_world
    pose_index, point_index, rays = problem.pose_index, problem.point_index, problem.rays
    point_start = np.searchsorted(point_index, np.arange(len(points) + 1))
    residual = residuals(T_cam_world, points, pose_index, point_index, rays)
    initial_cost = cost = robust_cost(residual, huber)
    damping, iteration = FIRST_DAMPING, 0
    while iteration < max_iterations and damping < MAX_DAMPING:
        iteration += 1
        S, g, V_inverse, point_gradient, W = reduced_system(
            T_cam_world, points, pose_index, point_start, rays, problem.num_fixed, huber, damping
        )
        step = _solve(S, g)
        if not np.isfinite(step).all():
            damping *= 10.0
            continue
        moves = point_steps(step, pose_index, point_start, problem.num_fixed, V_inverse, point_gradient, W)
        new_T, new_points = _moved(T_cam_world, step, problem.num_fixed), points + moves
        new_residual = residuals(new_T, new_points, pose_index, point_index, rays)
        new_cost = robust_cost(new_residual, huber)
        if not new_cost < cost:
            damping *= 10.0
            continue
        converged = cost - new_cost < tolerance * cost
        T_cam_world, points, residual, cost = new_T, new_points, new_residual, new_cost
        damping = max(damping / 10.0, 1e-10)
        if converged:
            break
    return BundleSolution(se3.inverse(T_cam_world), points, residual, initial_cost, cost, iteration)


def _solve(S: NDArray[np.float64], g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve S x = g; NaN where S is singular, so that the caller has one way to fail."""
    try:
        return np.asarray(np.linalg.solve(S, g), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full_like(g, np.nan)


def _moved(
    T_cam_world: NDArray[np.float64], step: NDArray[np.float64], num_fixed: int
) -> NDArray[np.float64]:
    """Step along ``[rho, phi]``: to first order exp(step) T, and cheaper than the exponential."""
    twists = step.reshape(-1, 6)
    R_step = se3.so3_exp(twists[:, 3:])
    R, t = T_cam_world[num_fixed:, :3, :3], T_cam_world[num_fixed:, :3, 3]
    moved = T_cam_world.copy()
    moved[num_fixed:, :3, :3] = se3.nearest_rotation(R_step @ R)
    moved[num_fixed:, :3, 3] = np.einsum("kij,kj->ki", R_step, t) + twists[:, :3]
    return moved
