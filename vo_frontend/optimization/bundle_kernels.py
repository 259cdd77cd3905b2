"""Numba kernels of bundle adjustment: Levenberg-Marquardt over poses and points.

Poses are ``T_cam_world`` (K, 4, 4) here. Division by zero gives inf or NaN, as in NumPy; a step with such a
cost is refused.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import called_with, kernel
from vo_frontend.optimization.least_squares import move_pose, solve_positive_definite
from vo_frontend.optimization.point_elimination import move_points, reduced_system
from vo_frontend.optimization.reprojection import in_camera, residual, robust_cost

Array = NDArray[np.float64]
Index = NDArray[np.int64]

FIRST_DAMPING = 1e-4
MIN_DAMPING, MAX_DAMPING = 1e-10, 1e6


@called_with("(f8[:,:,::1], f8[:,::1], i8[::1], i8[::1], f8[:,::1], i8, f8, i8, f8)")
@kernel
def minimize(
    T_cam_world: Array,
    points_world: Array,
    pose_index: Index,
    point_start: Index,
    measured: Array,
    num_fixed: int,
    huber: float,
    max_iterations: int,
    tolerance: float,
) -> tuple[Array, Array, float, float]:
    """Minimise the robust cost by Levenberg-Marquardt; the damping falls and rises tenfold.

    Args:
        T_cam_world: (K, 4, 4) float64; the first ``num_fixed`` stay where they are.
        points_world: (M, 3) float64.
        pose_index: (O,) int64 camera of each observation; observations are sorted by point, then by camera.
        point_start: (M + 1,) int64 first observation of each point.
        measured: (O, 4) float64, see :func:`vo_frontend.optimization.reprojection.measurements`.
        num_fixed: number of fixed poses.
        huber: in ray units.
        max_iterations: including refused steps.
        tolerance: stop when the cost falls by less than this share of itself.

    Returns:
        T_cam_world (K, 4, 4), points_world (M, 3), cost before, cost after.
    """
    T, points = T_cam_world.copy(), points_world.copy()
    new_T, new_points = T.copy(), points.copy()
    F, M = len(T) - num_fixed, len(points)
    S, step = np.empty((6 * F, 6 * F)), np.empty(6 * F)
    V, q = np.empty((M, 6)), np.empty((M, 3))
    first_cost = cost = total_cost(T, points, pose_index, point_start, measured, huber)
    damping, iteration = FIRST_DAMPING, 0
    while iteration < max_iterations and damping < MAX_DAMPING:
        iteration += 1
        reduced_system(T, points, pose_index, point_start, measured, num_fixed, huber, damping, S, step, V, q)
        new_cost = np.inf
        if solve_positive_definite(S, step):
            for k in range(num_fixed, len(T)):
                move_pose(T, k, step, 6 * (k - num_fixed), new_T)
            move_points(
                T, points, pose_index, point_start, measured, num_fixed, huber, step, V, q, new_points
            )
            new_cost = total_cost(new_T, new_points, pose_index, point_start, measured, huber)
        if not new_cost < cost:
            damping *= 10.0
            continue
        converged = cost - new_cost < tolerance * cost
        T, new_T, points, new_points, cost = new_T, T, new_points, points, new_cost
        damping = max(damping / 10.0, MIN_DAMPING)
        if converged:
            break
    return T, points, first_cost, cost


@kernel
def total_cost(
    T_cam_world: Array,
    points_world: Array,
    pose_index: Index,
    point_start: Index,
    measured: Array,
    huber: float,
) -> float:
    """Return the sum of all robust costs; arguments as in :func:`minimize`."""
    total = 0.0
    for m in range(len(points_world)):
        for o in range(point_start[m], point_start[m + 1]):
            x, y, z = in_camera(T_cam_world, pose_index[o], points_world, m)
            rx, ry, rd = residual(x, y, z, measured, o)
            total += robust_cost(rx, ry, rd, huber)
    return total


@called_with("(f8[:,:,::1], f8[:,::1], i8[::1], i8[::1], f8[:,::1])")
@kernel
def ray_residuals(
    T_cam_world: Array, points_world: Array, pose_index: Index, point_start: Index, measured: Array
) -> Array:
    """Return the residuals (O, 2) of the rays, in ray units; arguments as in :func:`minimize`."""
    residuals = np.empty((len(pose_index), 2))
    for m in range(len(points_world)):
        for o in range(point_start[m], point_start[m + 1]):
            x, y, z = in_camera(T_cam_world, pose_index[o], points_world, m)
            residuals[o, 0], residuals[o, 1], _ = residual(x, y, z, measured, o)
    return residuals
