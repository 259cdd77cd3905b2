import numpy as np
import pytest
from numpy.typing import NDArray
from world import CAMERA, make_world

from vo_frontend.geometry import se3
from vo_frontend.tracking.motion_agreement import motion_agrees, motion_errors

WORLD = make_world()
NEAREST = 3.0  # the points lie 4 to 14 ahead
STEP = se3.exp(np.array([0.2, 0.0, 0.3, 0.0, 0.05, 0.01]))
FORWARD = se3.exp(np.array([0.0, 0.0, 0.5, 0.0, 0.0, 0.0]))


def matches(T_before_now: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pixels (N, 2) of the points in view before and after a step."""
    before = CAMERA.project(WORLD.points_world)
    now = CAMERA.project(se3.transform_points(se3.inverse(T_before_now), WORLD.points_world))
    both = CAMERA.contains(before) & CAMERA.contains(now)
    return before[both], now[both]


def agrees(T_true: NDArray[np.float64], T_told: NDArray[np.float64]) -> bool:
    before, now = matches(T_true)
    return motion_agrees(before, now, len(now), T_told, CAMERA, NEAREST)


@pytest.mark.parametrize("step", [np.eye(4), STEP, FORWARD, se3.inverse(FORWARD)])
def test_matches_are_where_the_true_step_puts_them(step: NDArray[np.float64]) -> None:
    before, now = matches(step)
    errors = motion_errors(CAMERA.rays(before), CAMERA.rays(now), step, NEAREST)
    assert errors.max() < 1e-9
    assert agrees(step, step)


@pytest.mark.parametrize(
    ("true", "told"),
    [
        (STEP, np.eye(4)),
        (STEP, se3.exp(np.array([0.2, 0.0, 0.3, 0.0, -0.05, 0.01]))),
        (FORWARD, np.eye(4)),
        (np.eye(4), se3.exp(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.1]))),
        (FORWARD, se3.inverse(FORWARD)),
    ],
    ids=["none told", "other turn", "still", "turned", "backwards"],
)
def test_another_step_is_contradicted(true: NDArray[np.float64], told: NDArray[np.float64]) -> None:
    assert not agrees(true, told)


def test_the_piece_of_the_epipolar_line_ends_where_the_nearest_point_would_be() -> None:
    sideways = se3.exp(np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    ray = np.zeros((1, 2))
    at = motion_errors(ray, np.array([[-1.0 / NEAREST, 0.0]]), sideways, NEAREST)
    beyond = motion_errors(ray, np.array([[-1.0 / NEAREST - 0.1, 0.0]]), sideways, NEAREST)
    wrong_way = motion_errors(ray, np.array([[0.1, 0.0]]), sideways, NEAREST)
    np.testing.assert_allclose([at[0], beyond[0], wrong_way[0]], [0.0, 0.1, 0.1], atol=1e-12)


def test_what_would_be_behind_the_camera_agrees_with_nothing() -> None:
    turned = se3.exp(np.array([0.0, 0.0, 0.0, 0.0, np.pi, 0.0]))
    assert np.isinf(motion_errors(np.zeros((1, 2)), np.zeros((1, 2)), turned, NEAREST)).all()


def test_few_matches_prove_nothing() -> None:
    before, now = matches(STEP)
    assert not motion_agrees(before, now, 6 * len(now), STEP, CAMERA, NEAREST)
    assert not motion_agrees(before[:0], now[:0], 0, STEP, CAMERA, NEAREST)


def test_one_match_in_ten_may_be_wrong_but_not_one_in_four() -> None:
    before, now = matches(STEP)
    for share, expected in ((0.1, True), (0.25, False)):
        spoilt = now.copy()
        spoilt[: round(share * len(now))] += [0.0, 60.0]
        assert motion_agrees(before, spoilt, len(now), STEP, CAMERA, NEAREST) is expected
