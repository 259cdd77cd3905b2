"""Bundle adjustment of a whole map: thousands of poses, of which few pairs share points.

Cost, derivatives and elimination are those of the window (:mod:`vo_frontend.optimization.bundle`). What
differs: threads share the points, the reduced camera system is sparse, and it can be stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.geometry import se3
from vo_frontend.optimization.bundle_kernels import (
    FIRST_DAMPING,
    MAX_DAMPING,
    MIN_DAMPING,
    ray_residuals,
    total_cost,
)
from vo_frontend.optimization.least_squares import move_pose
from vo_frontend.optimization.point_elimination import move_points
from vo_frontend.optimization.reprojection import measurements
from vo_frontend.optimization.tiled_elimination import coupled_tiles, reduced_tiles
from vo_frontend.optimization.tiles import (
    TILE,
    TILE_POSES,
    TilePattern,
    elimination_order,
    fill_pattern,
    solve_tiles,
)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GlobalProblem:
    """Observations of points by cameras, in any order; a camera sees a point at most once.

    Poses should come in the order of time, because neighbours share a tile of the system.

    Gauge: as for :class:`vo_frontend.optimization.bundle.BundleProblem`.

    Raises:
        ValueError: a shape is wrong, an index is out of range, no pose is fixed, or an observation is there
            twice.
    """

    T_world_cam: Array  # (K, 4, 4) start
    is_fixed: NDArray[np.bool_]  # (K,) poses that are constants, at least one; their observations count
    points_world: Array  # (M, 3) start, in map units
    pose_index: NDArray[np.int64]  # (O,) camera of each observation
    point_index: NDArray[np.int64]  # (O,) point of each observation
    rays: Array  # (O, 2) observed, normalised image coordinates
    inverse_depth: Array | None = None  # (O,) measured 1/z, see optimization.reprojection
    depth_weight: Array | None = None  # (O,) sigma of a ray / of the inverse depth; 0: none

    def __post_init__(self) -> None:
        K, M, num_seen = len(self.T_world_cam), len(self.points_world), len(self.rays)
        for name, shape in {
            "T_world_cam": (K, 4, 4), "is_fixed": (K,), "points_world": (M, 3), "pose_index": (num_seen,),
            "point_index": (num_seen,), "rays": (num_seen, 2),
        }.items():  # fmt: skip
            if (found := getattr(self, name).shape) != shape:
                raise ValueError(f"GlobalProblem: {name} must be {shape}, got {found}")
        if not self.is_fixed.any():
            raise ValueError(
                "GlobalProblem: no pose is fixed, expected at least one to hold the world in place"
            )
        for name, index, size in (("pose_index", self.pose_index, K), ("point_index", self.point_index, M)):
            if num_seen and not (index.min() >= 0 and index.max() < size):
                raise ValueError(
                    f"GlobalProblem: {name} must lie in 0 to {size - 1}, got {index.min()} to {index.max()}"
                )
        if len(np.unique(self.point_index * K + self.pose_index)) < num_seen:
            raise ValueError("GlobalProblem: a camera observes a point twice, expected at most once")


@dataclass(frozen=True, slots=True)
class GlobalSolution:
    """Adjusted poses and points in the order of the problem, and how far the robust cost fell."""

    T_world_cam: Array  # (K, 4, 4)
    points_world: Array  # (M, 3)
    residuals: Array  # (O, 2) of the rays, in ray units
    is_bad: NDArray[np.bool_]  # (O,) observations that still disagree
    initial_cost: float
    final_cost: float
    iterations: int  # refused steps included
    was_stopped: bool  # on request, before it was done; poses and points are the best until then


def adjust_all(
    problem: GlobalProblem,
    *,
    huber: float,
    max_error: float,
    max_iterations: int,
    num_threads: int,
    tolerance: float = 1e-5,
    stop: Callable[[], bool] = lambda: False,
) -> GlobalSolution:
    """Minimise the Huber-robust reprojection and depth error over a whole map. Mostly releases the GIL.

    Args:
        problem: poses, points and observations.
        huber: as for :func:`vo_frontend.optimization.bundle.adjust`, in ray units.
        max_error: an observation whose ray is off by more is bad, in ray units.
        max_iterations: including refused steps.
        num_threads: that share the points; another number changes the last digits.
        tolerance: stop when the cost falls by less than this share of itself.
        stop: asked before each iteration, for example ``threading.Event().is_set``.
    """
    system = _System(problem, huber, num_threads)
    T, points = system.T_cam_world, problem.points_world
    initial_cost = cost = system.cost(T, points)
    damping, iterations, was_stopped = FIRST_DAMPING, 0, False
    while iterations < max_iterations and damping < MAX_DAMPING:
        if was_stopped := stop():
            break
        iterations += 1
        new_cost = np.inf
        if (moved := system.step(T, points, damping)) is not None:
            new_cost = system.cost(*moved)
        if moved is None or not new_cost < cost:
            damping *= 10.0
            continue
        converged = cost - new_cost < tolerance * cost
        (T, points), cost = moved, new_cost
        damping = max(damping / 10.0, MIN_DAMPING)
        if converged:
            break
    residuals = system.residuals(T, points)
    is_bad = ~(np.linalg.norm(residuals, axis=1) <= max_error)
    T_world_cam = system.in_callers_order(T)
    return GlobalSolution(T_world_cam, points, residuals, is_bad, initial_cost, cost, iterations, was_stopped)


class _System:
    """Keeps a problem as the kernels read it: fixed poses first, then tiles in their order of elimination."""

    def __init__(self, problem: GlobalProblem, huber: float, num_threads: int) -> None:
        self._problem, self._huber, self._team = problem, huber, ThreadTeam(num_threads)
        self._num_fixed = int(problem.is_fixed.sum())
        order = np.lexsort((problem.pose_index, problem.point_index))
        point_starts = np.arange(len(problem.points_world) + 1)
        self._point_start = np.searchsorted(problem.point_index[order], point_starts)
        self._poses, self._pattern = self._order_poses(problem.pose_index[order])
        number = np.argsort(self._poses)
        self._order = np.lexsort((number[problem.pose_index], problem.point_index))
        self._pose_index = number[problem.pose_index[self._order]]
        measured = measurements(problem.rays, problem.inverse_depth, problem.depth_weight)
        self._measured = measured[self._order]
        self.T_cam_world = se3.inverse(problem.T_world_cam[self._poses])
        num_free = len(self._poses) - self._num_fixed
        self._tiles = np.empty((num_threads, self._pattern.num_stored, TILE, TILE))
        self._g = np.empty((num_threads, 6 * num_free))
        self._V, self._q = np.empty((len(problem.points_world), 6)), np.empty((len(problem.points_world), 3))

    def cost(self, T_cam_world: Array, points_world: Array) -> float:
        """Return the sum of all robust costs."""
        seen = self._pose_index, self._point_start, self._measured
        return float(total_cost(T_cam_world, points_world, *seen, self._huber))

    def step(self, T_cam_world: Array, points_world: Array, damping: float) -> tuple[Array, Array] | None:
        """Return poses and points after one damped step, None if the system is not positive definite."""
        self._team.run(self._eliminate, T_cam_world, points_world, damping)
        tiles, g = self._tiles.sum(axis=0), self._g.sum(axis=0)
        right = np.zeros((len(self._pattern.slot), TILE))
        right.flat[: len(g)] = g
        padding = np.arange(len(g) % TILE or TILE, TILE)
        tiles[-1:, padding, padding] = 1.0  # the last tile is stored last
        if not solve_tiles(self._pattern.slot, tiles, right):
            return None
        step, T, points = right.ravel(), T_cam_world.copy(), np.empty_like(points_world)
        for k in range(self._num_fixed, len(T)):
            move_pose(T_cam_world, k, step, 6 * (k - self._num_fixed), T)
        seen = self._pose_index, self._point_start, self._measured
        move_points(
            T_cam_world, points_world, *seen, self._num_fixed, self._huber, step, self._V, self._q, points
        )
        return T, points

    def residuals(self, T_cam_world: Array, points_world: Array) -> Array:
        """Return the residuals (O, 2) of the rays, in the order of the problem."""
        residuals = np.empty_like(self._problem.rays)
        residuals[self._order] = ray_residuals(
            T_cam_world, points_world, self._pose_index, self._point_start, self._measured
        )
        return residuals

    def in_callers_order(self, T_cam_world: Array) -> Array:
        """Return T_world_cam (K, 4, 4); fixed poses exactly as they came."""
        T_world_cam = np.empty_like(T_cam_world)
        T_world_cam[self._poses] = se3.inverse(T_cam_world)
        return np.where(self._problem.is_fixed[:, None, None], self._problem.T_world_cam, T_world_cam)

    def _order_poses(self, pose_index: NDArray[np.int64]) -> tuple[NDArray[np.int64], TilePattern]:
        """Return the order of the poses (K,) and the pattern; ``pose_index`` (O,) is sorted by point."""
        is_fixed = self._problem.is_fixed
        free = np.flatnonzero(~is_fixed)
        tile = np.full(len(is_fixed), -1)
        tile[free] = np.arange(len(free)) // TILE_POSES
        num_tiles = -(-len(free) // TILE_POSES)
        is_coupled = coupled_tiles(tile[pose_index], self._point_start, num_tiles)
        order = elimination_order(is_coupled)
        poses = np.concatenate([np.flatnonzero(is_fixed), *(free[tile[free] == t] for t in order)])
        return poses, fill_pattern(is_coupled[np.ix_(order, order)])

    def _eliminate(
        self, part: int, size: int, T_cam_world: Array, points_world: Array, damping: float
    ) -> None:
        """Eliminate the points of one part into a system of its own."""
        begin, end = (len(points_world) * p // size for p in (part, part + 1))
        reduced_tiles(
            T_cam_world,
            points_world[begin:end],
            self._pose_index,
            self._point_start[begin : end + 1],
            self._measured,
            self._num_fixed,
            self._huber,
            damping,
            self._pattern.slot,
            self._tiles[part],
            self._g[part],
            self._V[begin:end],
            self._q[begin:end],
        )
