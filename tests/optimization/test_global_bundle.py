"""Bundle adjustment of whole maps: known answers, the window's adjustment as twin, stopping, wrong input."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from global_problems import FOCAL_PX, HUBER, as_window, make_drive, moved, reordered, with_depths

from vo_frontend.optimization.bundle import adjust
from vo_frontend.optimization.global_bundle import GlobalProblem, GlobalSolution, adjust_all


def solve(problem: GlobalProblem, max_iterations: int = 40, tolerance: float = 1e-10) -> GlobalSolution:
    return adjust_all(
        problem,
        huber=HUBER,
        max_error=4 * HUBER,
        max_iterations=max_iterations,
        num_threads=2,
        tolerance=tolerance,
    )


def test_exact_observations_bring_a_disturbed_map_back_to_the_truth() -> None:
    truth = make_drive(num_poses=60, num_points=3000)
    solution = solve(moved(truth, 0.1))
    assert solution.initial_cost > 1e5 * solution.final_cost
    np.testing.assert_allclose(solution.T_world_cam, truth.T_world_cam, atol=1e-4)
    np.testing.assert_allclose(solution.points_world, truth.points_world, atol=2e-3)
    assert not solution.is_bad.any()


@pytest.mark.parametrize("with_depth", [False, True], ids=["mono", "depth"])
def test_cost_and_poses_are_those_of_the_window_adjustment(with_depth: bool) -> None:
    problem = make_drive(num_poses=24, num_points=400, noise_px=0.5)
    problem = moved(with_depths(problem, 0.002) if with_depth else problem, 0.05)
    ours = solve(problem, 100, 1e-12)
    window = adjust(as_window(problem), huber=HUBER, max_iterations=100, tolerance=1e-12)
    assert ours.initial_cost == pytest.approx(window.initial_cost, rel=1e-12)
    assert ours.final_cost == pytest.approx(window.final_cost, rel=1e-6)
    np.testing.assert_allclose(ours.T_world_cam, window.T_world_cam, atol=1e-4)


def test_each_iteration_is_that_of_the_window_adjustment() -> None:
    """Twins step by step: the order of elimination changes rounding alone."""
    problem = moved(make_drive(num_poses=40, num_points=500, noise_px=0.5), 0.05)
    for iterations in (1, 2, 3):
        ours = solve(problem, iterations)
        window = adjust(as_window(problem), huber=HUBER, max_iterations=iterations, tolerance=1e-10)
        np.testing.assert_allclose(ours.points_world, window.points_world, rtol=1e-6, atol=1e-6)


def test_fixed_keyframes_stay_to_the_bit_wherever_they_are_in_the_list() -> None:
    truth = make_drive(num_poses=40, num_points=800, noise_px=0.5)
    is_fixed = np.zeros(40, bool)
    is_fixed[[7, 8, 30]] = True
    problem = moved(replace(truth, is_fixed=is_fixed), 0.05)
    solution = solve(problem)
    np.testing.assert_array_equal(solution.T_world_cam[is_fixed], truth.T_world_cam[is_fixed])
    assert solution.final_cost < 0.1 * solution.initial_cost
    np.testing.assert_allclose(solution.T_world_cam, truth.T_world_cam, atol=0.1)


def test_with_all_keyframes_fixed_the_points_alone_are_adjusted() -> None:
    truth = make_drive(num_poses=20, num_points=200)
    problem = moved(replace(truth, is_fixed=np.ones(20, bool)), 0.1)
    solution = solve(problem)
    np.testing.assert_array_equal(solution.T_world_cam, truth.T_world_cam)
    np.testing.assert_allclose(solution.points_world, truth.points_world, atol=1e-3)


@pytest.mark.parametrize("asked", [1, 2, 3])
def test_a_stop_gives_the_best_until_then(asked: int) -> None:
    """The answer is yes when it is asked for the ``asked``th time: before that iteration."""
    problem = moved(make_drive(noise_px=0.5, num_points=800), 0.1)
    event, answers = threading.Event(), []

    def stop() -> bool:
        answers.append(event.is_set())
        if len(answers) == asked - 1:
            event.set()
        return len(answers) >= asked

    stopped = adjust_all(
        problem, huber=HUBER, max_error=4 * HUBER, max_iterations=20, num_threads=1, stop=stop
    )
    same = adjust_all(problem, huber=HUBER, max_error=4 * HUBER, max_iterations=asked - 1, num_threads=1)
    assert stopped.was_stopped
    assert not same.was_stopped
    assert stopped.iterations == asked - 1
    np.testing.assert_array_equal(stopped.points_world, same.points_world)
    assert stopped.final_cost <= stopped.initial_cost


def test_wild_observations_are_named_and_hardly_bend_the_map() -> None:
    truth = make_drive(noise_px=0.3)
    rng = np.random.default_rng(5)
    wild = rng.choice(len(truth.rays), len(truth.rays) // 50, replace=False)
    rays = truth.rays.copy()
    rays[wild] += rng.uniform(20, 50, size=(len(wild), 2)) / FOCAL_PX
    solution = solve(moved(replace(truth, rays=rays), 0.05))
    expected = np.zeros(len(rays), bool)
    expected[wild] = True
    assert solution.is_bad[wild].mean() > 0.99
    assert solution.is_bad[~expected].mean() < 0.01
    assert np.abs(solution.T_world_cam[:, :3, 3] - truth.T_world_cam[:, :3, 3]).max() < 0.1


def test_the_order_of_the_observations_does_not_matter_and_answers_come_in_it() -> None:
    problem = moved(with_depths(make_drive(num_points=500, noise_px=0.5), 0.002), 0.05)
    order = np.random.default_rng(3).permutation(len(problem.rays))
    straight, shuffled = solve(problem), solve(reordered(problem, order))
    np.testing.assert_array_equal(shuffled.points_world, straight.points_world)
    np.testing.assert_array_equal(shuffled.residuals, straight.residuals[order])
    np.testing.assert_array_equal(shuffled.is_bad, straight.is_bad[order])


def test_the_same_problem_gives_the_same_bytes_and_other_threads_the_same_map() -> None:
    problem = moved(make_drive(num_points=500, noise_px=0.5), 0.05)
    first, second = solve(problem), solve(problem)
    assert first.points_world.tobytes() == second.points_world.tobytes()
    assert first.T_world_cam.tobytes() == second.T_world_cam.tobytes()
    alone = adjust_all(problem, huber=HUBER, max_error=1.0, max_iterations=40, num_threads=1, tolerance=1e-10)
    np.testing.assert_allclose(alone.T_world_cam, first.T_world_cam, atol=1e-6)


def test_the_input_is_not_changed() -> None:
    problem = moved(make_drive(num_points=300), 0.05)
    before = problem.T_world_cam.tobytes(), problem.points_world.tobytes(), problem.rays.tobytes()
    solve(problem, 3)
    assert (problem.T_world_cam.tobytes(), problem.points_world.tobytes(), problem.rays.tobytes()) == before


def test_a_map_that_is_not_finite_is_handed_back_as_it_was() -> None:
    truth = make_drive(num_points=300)
    points = truth.points_world.copy()
    points[3] = np.nan
    solution = solve(replace(truth, points_world=points), 5)
    np.testing.assert_allclose(solution.T_world_cam, truth.T_world_cam, atol=1e-12)
    assert solution.is_bad[truth.point_index == 3].all()


def test_a_map_without_points_is_handed_back() -> None:
    truth = make_drive(num_poses=20, num_points=10)
    nothing = np.zeros(0, np.int64)
    empty = GlobalProblem(
        truth.T_world_cam, truth.is_fixed, np.zeros((0, 3)), nothing, nothing, np.zeros((0, 2))
    )
    solution = solve(empty)
    np.testing.assert_allclose(solution.T_world_cam, truth.T_world_cam, atol=1e-12)
    assert solution.final_cost == 0


def test_problems_that_cannot_be_meant_are_refused() -> None:
    problem = make_drive(num_poses=20, num_points=50)
    with pytest.raises(ValueError, match="no pose is fixed"):
        replace(problem, is_fixed=np.zeros(20, bool))
    with pytest.raises(ValueError, match="point_index must lie in 0 to 49, got 1 to 50"):
        replace(problem, point_index=problem.point_index + 1)
    with pytest.raises(ValueError, match=r"is_fixed must be \(20,\), got \(3,\)"):
        replace(problem, is_fixed=np.ones(3, bool))
    with pytest.raises(ValueError, match="observes a point twice"):
        replace(problem, pose_index=np.zeros_like(problem.pose_index))
