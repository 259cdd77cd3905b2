import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from bundle_problems import HUBER, disturbed, make_problem, rescaled
from world import CAMERA, make_world

from vo_frontend.optimization.bundle import BundleProblem, adjust


def test_exact_observations_pull_a_disturbed_world_back() -> None:
    truth, rng = make_problem()
    solution = adjust(disturbed(truth, rng, 0.03), huber=HUBER, max_iterations=50, tolerance=1e-12)
    assert solution.final_cost < 1e-9 * solution.initial_cost
    np.testing.assert_allclose(solution.T_world_cam, truth.T_world_cam, atol=1e-4)
    well_seen = np.bincount(truth.point_index) >= 4
    np.testing.assert_allclose(solution.points_world[well_seen], truth.points_world[well_seen], atol=1e-3)


def test_fixed_poses_do_not_move_and_rotations_stay_rotations() -> None:
    truth, rng = make_problem(noise_px=0.5)
    solution = adjust(disturbed(truth, rng, 0.02), huber=HUBER, max_iterations=10)
    np.testing.assert_allclose(solution.T_world_cam[:2], truth.T_world_cam[:2], atol=1e-12)
    R = solution.T_world_cam[:, :3, :3]
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.tile(np.eye(3), (5, 1, 1)), atol=1e-12)


def test_huber_keeps_a_tenth_of_wild_observations_from_bending_the_poses() -> None:
    truth, rng = make_problem(noise_px=0.3, num_points=200)
    rays = truth.rays.copy()
    wild = rng.choice(len(rays), len(rays) // 10, replace=False)
    rays[wild] += rng.uniform(20, 50, size=(len(wild), 2)) / CAMERA.focal_px
    spoiled = replace(truth, rays=rays)
    solution = adjust(disturbed(spoiled, rng, 0.01), huber=HUBER, max_iterations=30)
    assert np.abs(solution.T_world_cam[:, :3, 3] - truth.T_world_cam[:, :3, 3]).max() < 0.02


def test_cost_never_rises_and_starts_where_the_input_is() -> None:
    truth, rng = make_problem(noise_px=0.5)
    problem = disturbed(truth, rng, 0.05)
    error = np.linalg.norm(adjust(problem, huber=HUBER, max_iterations=0).residuals, axis=1)
    cost = np.where(error < HUBER, 0.5 * error**2, HUBER * (error - 0.5 * HUBER)).sum()
    costs = [adjust(problem, huber=HUBER, max_iterations=n).final_cost for n in range(6)]
    assert costs[0] == pytest.approx(cost)
    assert (np.diff(costs) <= 0).all()
    assert costs[-1] < 0.1 * costs[0]


def test_inputs_are_not_changed() -> None:
    problem, rng = make_problem(noise_px=0.5)
    problem = disturbed(problem, rng, 0.02)
    before = problem.T_world_cam.copy(), problem.points_world.copy()
    adjust(problem, huber=HUBER, max_iterations=3)
    np.testing.assert_array_equal(problem.T_world_cam, before[0])
    np.testing.assert_array_equal(problem.points_world, before[1])


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_points_without_any_parallax_do_no_harm(scale: float) -> None:
    """Two cameras at one place see points whose depth nothing determines."""
    world = make_world(num_points=40)
    pixels, index = world.visible(np.eye(4))
    point_index = np.repeat(np.arange(len(index)), 2)
    problem = BundleProblem(
        np.tile(np.eye(4), (2, 1, 1)),
        1,
        scale * world.points_world[index],
        np.tile([0, 1], len(index)),
        point_index,
        CAMERA.rays(pixels)[point_index] + 1e-4,
    )
    solution = adjust(problem, huber=HUBER, max_iterations=20)
    assert np.isfinite(solution.T_world_cam).all()
    assert np.isfinite(solution.points_world).all()
    assert solution.final_cost <= solution.initial_cost


def test_a_problem_that_is_not_finite_is_handed_back_as_it_was() -> None:
    truth, _ = make_problem(num_points=20)
    points = truth.points_world.copy()
    points[3] = np.nan
    solution = adjust(replace(truth, points_world=points), huber=HUBER, max_iterations=5)
    np.testing.assert_allclose(solution.T_world_cam, truth.T_world_cam, atol=1e-12)


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.25, 2.0])
def test_depths_bring_a_window_of_wrong_scale_to_the_metric_one(scale: float) -> None:
    truth, rng = make_problem(noise_px=0.3, depth_noise_per_m=0.002, num_fixed=1, num_points=200)
    solution = adjust(rescaled(truth, scale), huber=HUBER, max_iterations=50, tolerance=1e-9)
    baseline = np.linalg.norm(solution.T_world_cam[-1, :3, 3])
    assert baseline == pytest.approx(np.linalg.norm(truth.T_world_cam[-1, :3, 3]), rel=0.01)
    ratio = solution.points_world[:, 2] / truth.points_world[:, 2]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.002)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_without_depth_and_with_one_fixed_pose_the_scale_stays_where_it_was(scale: float) -> None:
    truth, _ = make_problem(noise_px=0.3, num_fixed=1, num_points=200)
    solution = adjust(rescaled(truth, scale), huber=HUBER, max_iterations=20)
    ratio = solution.points_world[:, 2] / truth.points_world[:, 2]
    assert np.median(ratio) == pytest.approx(scale, rel=0.01)


def test_depths_that_are_unknown_change_nothing() -> None:
    truth, rng = make_problem(noise_px=0.5)
    problem = disturbed(truth, rng, 0.02)
    unknown = np.full(len(problem.rays), np.nan)
    mono = adjust(problem, huber=HUBER, max_iterations=5)
    same = adjust(
        replace(problem, inverse_depth=unknown, depth_weight=unknown), huber=HUBER, max_iterations=5
    )
    np.testing.assert_array_equal(same.T_world_cam, mono.T_world_cam)


def test_one_observation_with_depth_gives_a_window_its_scale() -> None:
    """Only the first view of one landmark has a depth, and the right one: all else follows."""
    truth, _ = make_problem(depth_noise_per_m=0.0, num_fixed=1)
    weight = np.zeros(len(truth.rays))
    weight[0] = 1.0
    assert truth.pose_index[0] == 0
    problem = rescaled(replace(truth, depth_weight=weight), 1.1)
    solution = adjust(problem, huber=HUBER, max_iterations=200, tolerance=0.0)
    np.testing.assert_allclose(solution.T_world_cam, truth.T_world_cam, atol=1e-3)


def test_wrong_depths_at_good_pixels_are_overruled_and_the_pixels_keep_their_say() -> None:
    """Every tenth depth is that of a surface in front, as at an occlusion edge."""
    truth, rng = make_problem(noise_px=0.3, depth_noise_per_m=0.002, num_fixed=1, num_points=200)
    wrong = rng.choice(len(truth.rays), len(truth.rays) // 10, replace=False)
    assert truth.inverse_depth is not None
    assert truth.depth_weight is not None
    inverse_depth = truth.inverse_depth.copy()
    inverse_depth[wrong] *= 1.8
    problem = disturbed(replace(truth, inverse_depth=inverse_depth), rng, 0.02)
    solution = adjust(problem, huber=HUBER, max_iterations=30, tolerance=1e-9)
    error_px = np.linalg.norm(solution.residuals, axis=1) * CAMERA.focal_px
    assert np.percentile(error_px[wrong], 95) < 1.5
    R_cam_world = solution.T_world_cam[truth.pose_index, :3, :3].transpose(0, 2, 1)
    offsets = solution.points_world[truth.point_index] - solution.T_world_cam[truth.pose_index, :3, 3]
    z = np.einsum("oj,oj->o", R_cam_world[:, 2], offsets)
    depth_residuals = truth.depth_weight * (1 / z - inverse_depth)
    assert (np.abs(depth_residuals[wrong]) > 5 * HUBER).all()
    assert np.abs(solution.T_world_cam[:, :3, 3] - truth.T_world_cam[:, :3, 3]).max() < 0.02


def test_other_threads_run_while_it_computes() -> None:
    truth, rng = make_problem(noise_px=0.5, num_points=2000, num_poses=10)
    problem = disturbed(truth, rng, 0.02)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(adjust, problem, huber=HUBER, max_iterations=100, tolerance=0.0)
        num_turns = 0
        while not future.done():
            time.sleep(1e-4)
            num_turns += 1
    assert num_turns > 20  # holding the GIL leaves a handful, before and after the kernels


def test_two_adjustments_at_a_time_give_what_one_gives() -> None:
    truth, rng = make_problem(noise_px=0.5)
    problem = disturbed(truth, rng, 0.02)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(adjust, problem, huber=HUBER, max_iterations=10) for _ in range(8)]
        solutions = [future.result() for future in futures]
    for solution in solutions:
        np.testing.assert_array_equal(solution.points_world, solutions[0].points_world)


def test_with_all_poses_fixed_the_points_alone_are_adjusted() -> None:
    truth, rng = make_problem(num_fixed=5)
    solution = adjust(disturbed(truth, rng, 0.02), huber=HUBER, max_iterations=30, tolerance=1e-12)
    np.testing.assert_allclose(solution.T_world_cam, truth.T_world_cam, atol=1e-12)
    well_seen = np.bincount(truth.point_index) >= 4
    np.testing.assert_allclose(solution.points_world[well_seen], truth.points_world[well_seen], atol=1e-3)


def test_a_problem_without_points_is_handed_back() -> None:
    nothing = np.zeros(0, np.int64)
    problem = BundleProblem(
        np.tile(np.eye(4), (3, 1, 1)), 1, np.zeros((0, 3)), nothing, nothing, np.zeros((0, 2))
    )
    solution = adjust(problem, huber=HUBER, max_iterations=5)
    np.testing.assert_array_equal(solution.T_world_cam, problem.T_world_cam)
    assert solution.final_cost == 0.0
