"""Matching, bundle adjustment and pose refinement on made-up data of a real frame's size."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import Config
from vo_frontend.experiments.speed.timing import Timing, time_in_turns, timing_of
from vo_frontend.geometry import se3
from vo_frontend.optimization.bundle import BundleProblem, adjust
from vo_frontend.optimization.pose_refinement import refine_pose
from vo_frontend.tracking.matching import Matcher
from vo_frontend.types import Features

NUM_DESCRIPTORS = 1000
DESCRIPTOR_SIZES = (64, 128)  # ALIKED-T16 and -N16
IMAGE_PX = (1241, 376)
PREDICTION_ERROR_PX = 5.0
DESCRIPTOR_NOISE = 0.5  # length of what is added to a unit vector: most true pairs still find each other

NUM_KEYFRAMES = 10
NUM_POINTS = 2000
VIEWS_PER_POINT = 5
FOCAL_PX = 700.0  # KITTI's
BASELINE = 0.54  # of the depths' stereo pair, in the window's unit
NUM_POSE_POINTS = 500
OURS = "vo_frontend"
MAX_CERES_TURNS = 3  # one takes seconds


@dataclass(frozen=True, slots=True)
class MatchingRow:
    """Time of matching two images."""

    descriptors: str
    method: str
    median_ms: float
    min_ms: float
    p95_ms: float
    relative: float  # median over that of plain vo_frontend


@dataclass(frozen=True, slots=True)
class BundleRow:
    """Time of one Levenberg-Marquardt iteration over a window, or of refining one pose, on one core."""

    task: str
    method: str
    keyframes: int
    points: int
    observations: int
    median_ms: float
    min_ms: float
    p95_ms: float
    relative: float  # median over that of vo_frontend


@dataclass(frozen=True, slots=True)
class TwoImages:
    """Features of an image, and those of an earlier one with their predicted positions."""

    descriptors0: NDArray[np.float32]  # (M, D)
    predicted_pixels: NDArray[np.float32]  # (M, 2)
    features1: Features


Contestant = Callable[[TwoImages], object]


def compare_matching(repeats: int, *, with_opencv: bool, with_kornia: bool) -> list[MatchingRow]:
    """Time mutual nearest neighbours, plain and motion-guided, beside the same of others."""
    contestants = matching_contestants(with_opencv=with_opencv, with_kornia=with_kornia)
    rows = []
    for size in DESCRIPTOR_SIZES:
        inputs = [make_two_images(size, seed) for seed in range(4)]
        timings = time_in_turns(contestants, inputs, repeats)
        plain_ms = next(iter(timings.values())).median_ms
        rows += [
            MatchingRow(
                descriptors=f"{NUM_DESCRIPTORS}x{NUM_DESCRIPTORS}x{size}",
                method=method,
                relative=timing.median_ms / plain_ms,
                **asdict(timing),
            )
            for method, timing in timings.items()
        ]
    return rows


def matching_contestants(*, with_opencv: bool, with_kornia: bool) -> dict[str, Contestant]:
    """List the ways to match by name, plain vo_frontend first."""
    config = Config().matching
    matcher = Matcher(config.min_similarity, config.max_ratio)
    contestants: dict[str, Contestant] = {
        "vo_frontend, plain": lambda pair: matcher.match(pair.descriptors0, pair.features1.descriptors),
        f"vo_frontend, guided within {config.search_radius_px:g} px": lambda pair: matcher.match_guided(
            pair.descriptors0, pair.predicted_pixels, pair.features1, config.search_radius_px
        ),
    }
    if with_opencv:
        brute_force = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True)
        contestants["cv2.BFMatcher(NORM_L2, crossCheck=True)"] = lambda pair: brute_force.match(
            pair.descriptors0, pair.features1.descriptors
        )
    if with_kornia:
        from vo_frontend.experiments.baselines.kornia import match_kornia

        contestants["kornia.feature.match_mnn"] = lambda pair: match_kornia(
            pair.descriptors0, pair.features1.descriptors
        )
    return contestants


def make_two_images(descriptor_size: int, seed: int) -> TwoImages:
    """Draw 1000 features with unit descriptors, and the same ones again disturbed and in another order."""
    rng = np.random.default_rng(seed)
    pixels = rng.uniform((0, 0), IMAGE_PX, size=(NUM_DESCRIPTORS, 2)).astype(np.float32)
    descriptors = _unit(rng.normal(size=(NUM_DESCRIPTORS, descriptor_size)))
    noise = DESCRIPTOR_NOISE * _unit(rng.normal(size=descriptors.shape))
    order = rng.permutation(NUM_DESCRIPTORS)
    return TwoImages(
        descriptors0=_unit(descriptors + noise)[order],
        predicted_pixels=(pixels + PREDICTION_ERROR_PX * rng.normal(size=pixels.shape))[order].astype(
            np.float32
        ),
        features1=Features(pixels, descriptors, np.linspace(1, 0.1, NUM_DESCRIPTORS, dtype=np.float32)),
    )


def measure_bundle(repeats: int, *, with_ceres: bool) -> list[BundleRow]:
    """Time one iteration on a window of 10 keyframes, without and with measured depths, and one pose."""
    window, huber = make_window(), Config().mapping.huber_px / FOCAL_PX
    seen = np.flatnonzero(window.pose_index == NUM_KEYFRAMES // 2)[:NUM_POSE_POINTS]

    def iterate(problem: BundleProblem) -> object:
        return adjust(problem, huber=huber, max_iterations=1)

    def refine(problem: BundleProblem) -> object:
        return refine_pose(
            problem.T_world_cam[NUM_KEYFRAMES // 2 - 1],  # the pose before: no better guess than in a run
            problem.points_world[problem.point_index[seen]],
            problem.rays[seen],
            huber=huber,
            max_iterations=10,
        )

    rows = []
    for kind, problem in (("rays", window), ("rays and depths", with_depths(window))):
        timings = time_in_turns({OURS: iterate}, [problem], repeats)
        if with_ceres:
            timings |= _time_ceres(problem, huber, min(repeats, MAX_CERES_TURNS))
        sizes = NUM_KEYFRAMES, NUM_POINTS, len(problem.rays)
        rows += _bundle_rows(f"one iteration, {kind}", sizes, timings)
    timings = time_in_turns({OURS: refine}, [window], repeats)
    return rows + _bundle_rows("pose of a frame, rays", (1, len(seen), len(seen)), timings)


def _time_ceres(problem: BundleProblem, huber: float, turns: int) -> dict[str, Timing]:
    """Time Ceres per iteration. It calls our Python for every residual: so also its own part alone."""
    from vo_frontend.experiments.baselines.ceres import adjust_with_ceres

    found = [adjust_with_ceres(problem, huber=huber, max_iterations=2) for _ in range(turns)]
    return {
        "Ceres, its linear solver alone": timing_of([s.linear_solver_s / s.iterations for s in found]),
        "Ceres, residuals from Python": timing_of([s.total_s / s.iterations for s in found]),
    }


def _bundle_rows(task: str, sizes: tuple[int, int, int], timings: dict[str, Timing]) -> list[BundleRow]:
    return [
        BundleRow(task, method, *sizes, **asdict(timing), relative=timing.median_ms / timings[OURS].median_ms)
        for method, timing in timings.items()
    ]


def make_window() -> BundleProblem:
    """Build a window of 10 keyframes and 2000 points; 5 consecutive keyframes see each, off by a pixel."""
    rng = np.random.default_rng(0)
    twists = np.zeros((NUM_KEYFRAMES, 6))
    # Half sideways: where points lie straight ahead of a drive, the first step is refused and cut short.
    twists[:, 0] = twists[:, 2] = 0.7 * np.arange(NUM_KEYFRAMES)
    twists[:, 4] = 0.02 * np.arange(NUM_KEYFRAMES)
    T_world_cam = se3.from_rotation_translation(se3.so3_exp(twists[:, 3:]), twists[:, :3])
    points_world = rng.uniform((-8, -3, 15), (8, 3, 40), size=(NUM_POINTS, 3))
    first_view = rng.integers(0, NUM_KEYFRAMES - VIEWS_PER_POINT + 1, size=NUM_POINTS)
    point_index = np.repeat(np.arange(NUM_POINTS), VIEWS_PER_POINT)
    pose_index = np.repeat(first_view, VIEWS_PER_POINT) + np.tile(np.arange(VIEWS_PER_POINT), NUM_POINTS)
    T_cam_world = se3.inverse(T_world_cam)[pose_index]
    points_cam = np.einsum("oij,oj->oi", T_cam_world[:, :3, :3], points_world[point_index])
    points_cam += T_cam_world[:, :3, 3]
    rays = points_cam[:, :2] / points_cam[:, 2:] + rng.normal(size=(len(pose_index), 2)) / FOCAL_PX
    exact = BundleProblem(T_world_cam, 2, points_world, pose_index, point_index, rays)
    return replace(exact, points_world=points_world + 0.1 * rng.normal(size=points_world.shape))


def with_depths(problem: BundleProblem) -> BundleProblem:
    """Give every observation the depth that a stereo pair would measure, off by half a pixel of disparity."""
    rng = np.random.default_rng(1)
    T_cam_world = se3.inverse(problem.T_world_cam)[problem.pose_index]
    points_world = problem.points_world[problem.point_index]
    z = np.einsum("oj,oj->o", T_cam_world[:, 2, :3], points_world) + T_cam_world[:, 2, 3]
    sigma = 0.5 / (FOCAL_PX * BASELINE)
    inverse_depth = 1.0 / z + sigma * rng.normal(size=len(z))
    weight = np.full(len(z), 1.0 / FOCAL_PX / sigma)
    return replace(problem, inverse_depth=inverse_depth, depth_weight=weight)


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
