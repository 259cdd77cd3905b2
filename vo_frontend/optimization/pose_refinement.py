"""Pose of one camera among fixed points: robust least squares over six numbers."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import called_with, clear, kernel
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.optimization.least_squares import move_pose, solve_positive_definite
from vo_frontend.optimization.reprojection import (
    add_pose_curvature,
    curvature,
    in_camera,
    measurements,
    residual,
    robust_cost,
)

Array = NDArray[np.float64]

FIRST_DAMPING = 1e-6
MAX_DAMPING = 1e6
TOLERANCE = 1e-6  # relative fall of the cost that ends it


def refine_pose(
    T_world_cam: Transform,
    points_world: NDArray[np.float64],
    rays: NDArray[np.float64],
    *,
    huber: float,
    max_iterations: int,
) -> Transform:
    """Minimise the Huber-robust reprojection error of known points over the pose.

    Levenberg-Marquardt from a guess. Wrong matches are not removed, but the Huber cost bounds their pull: up
    to about a third of them costs accuracy, not the pose. Releases the GIL.

    Args:
        T_world_cam: (4, 4) the guess.
        points_world: (N, 3) in map units.
        rays: (N, 2) observed, normalised image coordinates.
        huber: in ray units, see :mod:`vo_frontend.optimization.reprojection`.
        max_iterations: including refused steps.

    Returns:
        T_world_cam (4, 4); it stays near the guess if the points do not determine it (fewer than three).
    """
    T_cam_world = se3.inverse(T_world_cam)[None]
    T_cam_world = _minimize(T_cam_world, points_world, measurements(rays), huber, max_iterations)
    return se3.inverse(T_cam_world[0])


@called_with("(f8[:,:,::1], f8[:,::1], f8[:,::1], f8, i8)")
@kernel
def _minimize(
    T_cam_world: Array, points_world: Array, measured: Array, huber: float, max_iterations: int
) -> Array:
    """Return T_cam_world (1, 4, 4) at the minimum of the cost, by Levenberg-Marquardt.

    Args:
        T_cam_world: (1, 4, 4) float64, the start.
        points_world: (N, 3) float64.
        measured: (N, 4) float64, see :func:`vo_frontend.optimization.reprojection.measurements`.
        huber: in ray units.
        max_iterations: including refused steps.
    """
    T, new_T = T_cam_world.copy(), T_cam_world.copy()
    H, g = np.empty((6, 6)), np.empty(6)
    cost, damping = _total_cost(T, points_world, measured, huber), FIRST_DAMPING
    _normal_equations(T, points_world, measured, huber, H, g)
    for _ in range(max_iterations):
        damped, step = H.copy(), g.copy()
        for a in range(6):
            damped[a, a] += damping * H[a, a] + 1e-12
        new_cost = np.inf
        if solve_positive_definite(damped, step):
            move_pose(T, 0, step, 0, new_T)
            new_cost = _total_cost(new_T, points_world, measured, huber)
        if not new_cost < cost:
            damping *= 10.0
            if damping > MAX_DAMPING:
                break
            continue
        converged = cost - new_cost < TOLERANCE * cost
        T, new_T, cost, damping = new_T, T, new_cost, damping / 10.0
        if converged:
            break
        _normal_equations(T, points_world, measured, huber, H, g)
    return T


@kernel
def _normal_equations(
    T_cam_world: Array, points_world: Array, measured: Array, huber: float, H: Array, g: Array
) -> None:
    """Write the curvature H (6, 6) and the negative gradient g (6,) of the cost; see :func:`_minimize`."""
    clear(H)
    clear(g)
    for m in range(len(points_world)):
        x, y, z = in_camera(T_cam_world, 0, points_world, m)
        add_pose_curvature(0, x, y, z, curvature(x, y, z, measured, m, huber), H, g)


@kernel
def _total_cost(T_cam_world: Array, points_world: Array, measured: Array, huber: float) -> float:
    """Return the sum of all robust costs; arguments as in :func:`_minimize`."""
    total = 0.0
    for m in range(len(points_world)):
        x, y, z = in_camera(T_cam_world, 0, points_world, m)
        rx, ry, rd = residual(x, y, z, measured, m)
        total += robust_cost(rx, ry, rd, huber)
    return total
