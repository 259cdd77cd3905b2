"""Bundle adjustment: Levenberg-Marquardt over poses and points, with the points eliminated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.optimization.bundle_kernels import minimize, ray_residuals
from vo_frontend.optimization.reprojection import measurements


@dataclass(frozen=True, slots=True)
class BundleProblem:
    """Observations of points by cameras, sorted by point, then by camera.

    The first ``num_fixed`` poses are constants, but their observations count: older keyframes that hold the
    window in place. They replace a marginal prior: nothing is linearised at an old estimate, and the system
    keeps the size of the window.

    Gauge: with one fixed pose and no measured depth the scale is free. It stays where it is, because damping
    prefers the smallest step. Two fixed poses, or depths, determine it.
    """

    T_world_cam: NDArray[np.float64]  # (K, 4, 4) start
    num_fixed: int  # at least 1
    points_world: NDArray[np.float64]  # (M, 3) start, in map units
    pose_index: NDArray[np.int64]  # (O,) camera of each observation, ascending within a point
    point_index: NDArray[np.int64]  # (O,) point of each observation, ascending
    rays: NDArray[np.float64]  # (O, 2) observed, normalised image coordinates
    inverse_depth: NDArray[np.float64] | None = None  # (O,) measured 1/z, see optimization.reprojection
    depth_weight: NDArray[np.float64] | None = None  # (O,) sigma of a ray / of the inverse depth; 0: none


@dataclass(frozen=True, slots=True)
class BundleSolution:
    """Adjusted poses and points, and how far the robust cost fell."""

    T_world_cam: NDArray[np.float64]  # (K, 4, 4)
    points_world: NDArray[np.float64]  # (M, 3)
    residuals: NDArray[np.float64]  # (O, 2) of the rays, in ray units
    initial_cost: float
    final_cost: float


def adjust(
    problem: BundleProblem, *, huber: float, max_iterations: int, tolerance: float = 1e-5
) -> BundleSolution:
    """Minimise the Huber-robust reprojection and depth error. Releases the GIL.

    Args:
        problem: poses, points and observations.
        huber: width of the Huber cost of the two ray residuals' norm, in ray units. The depth residual has a
            Huber cost of its own; :mod:`vo_frontend.optimization.reprojection` says why.
        max_iterations: including refused steps.
        tolerance: stop when the cost falls by less than this share of itself.
    """
    T_cam_world = se3.inverse(problem.T_world_cam)
    point_start = np.searchsorted(problem.point_index, np.arange(len(problem.points_world) + 1))
    measured = measurements(problem.rays, problem.inverse_depth, problem.depth_weight)
    T_cam_world, points_world, initial_cost, final_cost = minimize(
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
    residuals = ray_residuals(T_cam_world, points_world, problem.pose_index, point_start, measured)
    return BundleSolution(se3.inverse(T_cam_world), points_world, residuals, initial_cost, final_cost)
