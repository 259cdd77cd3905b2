"""The pose of one camera among points that stay where they are: robust least squares over six numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import kernel
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


@dataclass(frozen=True, slots=True)
class RefinedPose:
    """A pose at the minimum of the robust cost, and what the observations say there."""

    T_world_cam: Transform
    residuals: NDArray[np.float64]  # (N, 2) ray units
    depth_residuals: NDArray[np.float64]  # (N,) ray units, 0 without depth
    information: NDArray[np.float64]  # (6, 6) see refine_pose
    cost: float


def refine_pose(
    T_world_cam: Transform,
    points_world: NDArray[np.float64],
    rays: NDArray[np.float64],
    inverse_depth: NDArray[np.float64] | None = None,
    depth_weight: NDArray[np.float64] | None = None,
    *,
    huber: float,
    max_iterations: int,
) -> RefinedPose:
    """Minimise the Huber-robust reprojection and depth error of known points over the pose.

    Levenberg-Marquardt from a guess. Wrong matches are held down by the Huber cost, not removed: their
    pull is bounded, so up to about a third of them costs accuracy, not the pose. Releases the GIL.

    Args:
        T_world_cam: the guess.
        points_world: (N, 3).
        rays: (N, 2) observed, normalised image coordinates.
        inverse_depth: (N,) measured 1/z, or None.
        depth_weight: (N,) standard deviation of a ray over that of the inverse depth, 0 where unknown.
        huber: in ray units, see :mod:`vo_frontend.optimization.reprojection`.
        max_iterations: refused steps count.

    Returns:
        Its ``information`` is the curvature of the cost for ``T_cam_world <- exp([rho, phi]) T_cam_world``:
        with rays of standard deviation s, the covariance of the twist is s^2 times the inverse. Where points
        do not determine the pose (fewer than three), it is singular and the pose stays near the guess.
    """
    T_cam_world = se3.inverse(T_world_cam)[None]
    measured = measurements(rays, inverse_depth, depth_weight)
    T_cam_world, information, residuals, cost = _minimize(
        T_cam_world, points_world, measured, huber, max_iterations
    )
    return RefinedPose(
        se3.inverse(T_cam_world[0]), residuals[:, :2], residuals[:, 2], information, float(cost)
    )


@kernel
def _minimize(
    T_cam_world: Array, points_world: Array, measured: Array, huber: float, max_iterations: int
) -> tuple[Array, Array, Array, float]:
    """Levenberg-Marquardt from T_cam_world (1, 4, 4); returns it, H (6, 6), residuals, cost."""
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
        _normal_equations(T, points_world, measured, huber, H, g)
        if converged:
            break
    residuals = np.empty((len(points_world), 3))
    for m in range(len(points_world)):
        x, y, z = in_camera(T, 0, points_world, m)
        residuals[m, 0], residuals[m, 1], residuals[m, 2] = residual(x, y, z, measured, m)
    return T, H, residuals, cost


@kernel
def _normal_equations(
    T_cam_world: Array, points_world: Array, measured: Array, huber: float, H: Array, g: Array
) -> None:
    """Fill the curvature H (6, 6) and -gradient g (6,) of the cost."""
    H[:], g[:] = 0.0, 0.0
    for m in range(len(points_world)):
        x, y, z = in_camera(T_cam_world, 0, points_world, m)
        add_pose_curvature(0, x, y, z, curvature(x, y, z, measured, m, huber), H, g)


@kernel
def _total_cost(T_cam_world: Array, points_world: Array, measured: Array, huber: float) -> float:
    total = 0.0
    for m in range(len(points_world)):
        x, y, z = in_camera(T_cam_world, 0, points_world, m)
        rx, ry, rd = residual(x, y, z, measured, m)
        total += robust_cost(rx, ry, rd, huber)
    return total
