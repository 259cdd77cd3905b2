"""Bundle adjustment: Levenberg-Marquardt over poses and points, points eliminated first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.optimization.bundle_kernels import minimize, residuals
from vo_frontend.optimization.reprojection import measurements


@dataclass(frozen=True, slots=True)
class BundleProblem:
    """Observations of points by cameras, sorted by point, then by camera.

    The first ``num_fixed`` poses are constants whose observations count: older keyframes that hold the
    window in place. They take the part of a marginal prior, without one: linearisation points stay fresh,
    and the system keeps the size of the window.

    Gauge: with one fixed pose and no measured depth the scale is free, and stays where it is, as the
    damping prefers the smallest step. Two fixed poses, or depths, determine it.
    """

    T_world_cam: NDArray[np.float64]  # (K, 4, 4)
    num_fixed: int  # at least 1
    points_world: NDArray[np.float64]  # (M, 3)
    pose_index: NDArray[np.int64]  # (O,) ascending within a point
    point_index: NDArray[np.int64]  # (O,) ascending
    rays: NDArray[np.float64]  # (O, 2) observed, normalised image coordinates
    inverse_depth: NDArray[np.float64] | None = None  # (O,) measured 1/z, see geometry.reprojection
    depth_weight: NDArray[np.float64] | None = None  # (O,) sigma of a ray / of the inverse depth; 0: none


@dataclass(frozen=True, slots=True)
class BundleSolution:
    """Adjusted poses and points, and how far the robust cost fell."""

    T_world_cam: NDArray[np.float64]  # (K, 4, 4)
    points_world: NDArray[np.float64]  # (M, 3)
    residuals: NDArray[np.float64]  # (O, 2) ray units
    depth_residuals: NDArray[np.float64]  # (O,) ray units, 0 without depth
    initial_cost: float
    final_cost: float
    iterations: int


def adjust(
    problem: BundleProblem, *, huber: float, max_iterations: int, tolerance: float = 1e-5
) -> BundleSolution:
    """Minimise the Huber-robust reprojection and depth error (``huber`` in ray units).

    ``huber`` applies to the norm of an observation's two ray residuals; the depth residual has a Huber
    cost of its own (:mod:`vo_frontend.optimization.reprojection` says why). Stops when the cost falls by less
    than ``tolerance`` of itself. Releases the GIL.
    """
    T_cam_world = se3.inverse(problem.T_world_cam)
    point_start = np.searchsorted(problem.point_index, np.arange(len(problem.points_world) + 1))
    measured = measurements(problem.rays, problem.inverse_depth, problem.depth_weight)
    T_cam_world, points, initial_cost, final_cost, iterations = minimize(
        T_cam_world,
        problem.points_world,
        problem.pose_index,
        point_start,
        measured,
        problem.num_fixed,
        huber,
        max_iterations,
        tolerance,
    )
    residual = residuals(T_cam_world, points, problem.pose_index, point_start, measured)
    return BundleSolution(
        se3.inverse(T_cam_world),
        points,
        residual[:, :2],
        residual[:, 2],
        initial_cost,
        final_cost,
        iterations,
    )
