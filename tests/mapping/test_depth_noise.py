"""The noise of measured depths that a map shows, on maps whose noise is known."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.mapping.depth_noise import MIN_LANDMARKS, depth_errors, followed_noise
from vo_frontend.optimization.bundle import BundleProblem, BundleSolution

NUM_POSES, NUM_POINTS, RAY_SIGMA, STATED_SIGMA = 8, 400, 1e-3, 2e-3


def seen_by_all(num_points: int = NUM_POINTS) -> tuple[BundleProblem, BundleSolution]:
    """Make a problem of points that all poses see, with exact depths and pixels, and its exact solution."""
    rng = np.random.default_rng(0)
    points_world = rng.uniform([-8, -4, 4], [8, 4, 14], size=(num_points, 3))
    T_world_cam = np.tile(np.eye(4), (NUM_POSES, 1, 1))
    T_world_cam[:, 0, 3] = 0.1 * np.arange(NUM_POSES)
    pose_index, point_index = (
        np.tile(np.arange(NUM_POSES), num_points),
        np.arange(num_points).repeat(NUM_POSES),
    )
    x, y, z = np.einsum(
        "nij,nj->ni",
        se3.inverse(T_world_cam)[pose_index],
        np.column_stack([points_world[point_index], np.ones(len(point_index))]),
    ).T[:3]
    rays, weight = np.column_stack([x / z, y / z]), np.full(len(z), RAY_SIGMA / STATED_SIGMA)
    problem = BundleProblem(T_world_cam, 1, points_world, pose_index, point_index, rays, 1.0 / z, weight)
    return problem, BundleSolution(T_world_cam, points_world, np.zeros((len(z), 2)), 0.0, 0.0)


def with_errors(problem: BundleProblem, errors_per_m: NDArray[np.float64]) -> BundleProblem:
    assert problem.inverse_depth is not None
    return replace(problem, inverse_depth=problem.inverse_depth + errors_per_m)


@pytest.mark.parametrize("share", [0.2, 1.0, 2.0])
def test_independent_errors_are_found_as_a_share_of_what_was_stated(share: float) -> None:
    problem, solution = seen_by_all()
    errors = np.random.default_rng(1).normal(0.0, share * STATED_SIGMA, len(problem.rays))
    assert depth_errors(with_errors(problem, errors), solution, RAY_SIGMA) == pytest.approx(share, rel=0.1)


def test_errors_that_all_views_of_a_landmark_share_count_as_what_they_leave_in_its_mean() -> None:
    problem, solution = seen_by_all()
    common = np.random.default_rng(1).normal(0.0, 0.3 * STATED_SIGMA, NUM_POINTS)
    found = depth_errors(with_errors(problem, common[problem.point_index]), solution, RAY_SIGMA)
    assert found == pytest.approx(0.3 * np.sqrt(NUM_POSES), rel=0.1)


def test_wrong_surfaces_unknown_depths_and_points_behind_the_camera_change_nothing() -> None:
    problem, solution = seen_by_all()
    rng = np.random.default_rng(1)
    errors = rng.normal(0.0, 0.3 * STATED_SIGMA, len(problem.rays))
    errors[rng.random(len(errors)) < 0.01] = 0.5
    errors[rng.random(len(errors)) < 0.2] = np.nan
    behind = solution.points_world.copy()
    behind[:5, 2] = -3.0
    found = depth_errors(with_errors(problem, errors), replace(solution, points_world=behind), RAY_SIGMA)
    assert found == pytest.approx(0.3, rel=0.15)


def test_few_landmarks_and_cameras_without_depths_tell_nothing() -> None:
    problem, solution = seen_by_all(MIN_LANDMARKS - 1)
    assert depth_errors(problem, solution, RAY_SIGMA) is None
    problem, solution = seen_by_all()
    assert depth_errors(replace(problem, inverse_depth=None, depth_weight=None), solution, RAY_SIGMA) is None
    assert followed_noise(0.4, None, 0.1) == 0.4


def test_belief_follows_slowly_and_stays_within_its_bounds() -> None:
    falling, rising, believed = [1.0], [0.1], 0.5
    for _ in range(60):
        falling.append(followed_noise(falling[-1], 0.2 / falling[-1], 0.1))
        rising.append(followed_noise(rising[-1], 3.0 / rising[-1], 0.1))
    assert falling[1] > 0.8
    assert falling[-1] == pytest.approx(0.2, rel=0.02)
    assert rising[-1] == 1.0
    assert followed_noise(believed, 0.0, 0.1) == 0.1
