"""Bundle adjustment of a whole map, until it settles, beside Ceres."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vo_frontend.config import Config
from vo_frontend.geometry import se3
from vo_frontend.optimization.bundle import BundleProblem
from vo_frontend.optimization.global_bundle import GlobalProblem, GlobalSolution, adjust_all

NUM_KEYFRAMES = 500
NUM_POINTS = 50_000
VIEWS_PER_POINT = 8
POSES_PER_LAP = 300
FOCAL_PX = 700.0  # KITTI's
MAX_ITERATIONS = 30
TOLERANCE = 1e-5
MAX_REPEATS = 3


@dataclass(frozen=True, slots=True)
class WholeMapRow:
    """Time of adjusting a map, and the cost that was reached."""

    method: str
    threads: int
    keyframes: int
    points: int
    observations: int
    iterations: int
    total_s: float  # median, from the problem to its optimum
    relative: float  # total over that of vo_frontend on one thread
    relative_cost: float  # the cost at the end over that of vo_frontend


def measure_whole_map(repeats: int, threads: int, *, with_ceres: bool) -> list[WholeMapRow]:
    """Adjust a map of two laps on one thread, on ``threads``, and once with Ceres."""
    problem, huber = make_map(), Config().mapping.huber_px / FOCAL_PX
    whole = GlobalProblem(
        problem.T_world_cam,
        np.arange(NUM_KEYFRAMES) < problem.num_fixed,
        problem.points_world,
        problem.pose_index,
        problem.point_index,
        problem.rays,
    )

    def solve(num_threads: int) -> Callable[[], GlobalSolution]:
        return lambda: adjust_all(
            whole,
            huber=huber,
            max_error=Config().mapping.max_reprojection_px / FOCAL_PX,
            max_iterations=MAX_ITERATIONS,
            num_threads=num_threads,
            tolerance=TOLERANCE,
        )

    solve(1)()  # compiles
    measured = []
    for num_threads in sorted({1, threads}):
        solution, seconds = _median_s(solve(num_threads), min(repeats, MAX_REPEATS))
        measured.append(("vo_frontend", num_threads, solution.iterations, seconds, solution.final_cost))
    if with_ceres:
        measured += _solve_with_ceres(problem, huber)
    (*_, ours_s, our_cost), sizes = measured[0], (NUM_KEYFRAMES, NUM_POINTS, len(problem.rays))
    return [
        WholeMapRow(method, num_threads, *sizes, iterations, seconds, seconds / ours_s, cost / our_cost)
        for method, num_threads, iterations, seconds, cost in measured
    ]


def _median_s(call: Callable[[], GlobalSolution], repeats: int) -> tuple[GlobalSolution, float]:
    seconds = []
    for _ in range(repeats):
        start_s = time.perf_counter()
        solution = call()
        seconds.append(time.perf_counter() - start_s)
    return solution, float(np.median(seconds))


def _solve_with_ceres(problem: BundleProblem, huber: float) -> list[tuple[str, int, int, float, float]]:
    """Return method, threads, iterations, seconds and cost; also with the time of its linear solver alone."""
    from vo_frontend.experiments.baselines.ceres import adjust_with_ceres

    found = adjust_with_ceres(
        problem, huber=huber, max_iterations=MAX_ITERATIONS, tolerance=TOLERANCE, sparse=True
    )
    return [
        ("Ceres, its linear solver alone", 1, found.iterations, found.linear_solver_s, found.final_cost),
        ("Ceres, residuals from Python", 1, found.iterations, found.total_s, found.final_cost),
    ]


def make_map() -> BundleProblem:
    """Drive round a circle 1.7 times, see each point 8 times, some of them on both laps; disturb it."""
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * np.arange(NUM_KEYFRAMES) / POSES_PER_LAP
    turns = se3.so3_exp(np.stack([0 * angle, angle, 0 * angle], axis=1))
    centres = np.stack([1 - np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
    T_world_cam = se3.from_rotation_translation(turns, 33.0 * centres)  # 0.7 from keyframe to keyframe
    first = rng.integers(0, NUM_KEYFRAMES - VIEWS_PER_POINT + 1, NUM_POINTS)
    pose = first[:, None] + np.arange(VIEWS_PER_POINT)
    again = (first + POSES_PER_LAP + VIEWS_PER_POINT <= NUM_KEYFRAMES) & (rng.random(NUM_POINTS) < 0.5)
    pose[again, VIEWS_PER_POINT // 2 :] += POSES_PER_LAP
    points_cam = rng.uniform((-8, -3, 12), (8, 3, 40), size=(NUM_POINTS, 3))
    middle = T_world_cam[first + VIEWS_PER_POINT // 2]
    points_world = np.einsum("nij,nj->ni", middle[:, :3, :3], points_cam) + middle[:, :3, 3]
    pose_index, point_index = pose.ravel(), np.repeat(np.arange(NUM_POINTS), VIEWS_PER_POINT)
    T_cam_world = se3.inverse(T_world_cam)[pose_index]
    seen = np.einsum("oij,oj->oi", T_cam_world[:, :3, :3], points_world[point_index])
    seen += T_cam_world[:, :3, 3]
    rays = seen[:, :2] / seen[:, 2:] + 0.5 * rng.normal(size=(len(seen), 2)) / FOCAL_PX
    twists = rng.normal(size=(NUM_KEYFRAMES, 6)) * np.repeat([0.05, 0.003], 3)
    twists[0] = 0.0
    start = T_world_cam @ np.stack([se3.exp(twist) for twist in twists])
    points_world += 0.1 * rng.normal(size=points_world.shape)
    return BundleProblem(start, 1, points_world, pose_index, point_index, rays)
