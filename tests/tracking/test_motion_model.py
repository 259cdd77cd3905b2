"""Predictions of the next pose, alone and with a gyroscope."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.tracking.gyroscope_record import NUM_POSES
from vo_frontend.tracking.motion_model import MAX_EXTRAPOLATION, ConstantVelocity
from vo_frontend.types import Attitude

STEP = se3.exp(np.array([0.5, 0, 1.0, 0, 0.05, 0]))


def moving() -> ConstantVelocity:
    return ConstantVelocity(10.0, np.eye(4)).updated(10.1, STEP)


def test_constant_motion_is_predicted_exactly_across_a_dropped_frame() -> None:
    np.testing.assert_allclose(moving().predict(10.2), STEP @ STEP, atol=1e-9)
    np.testing.assert_allclose(moving().predict(10.3), STEP @ STEP @ STEP, atol=1e-9)


def test_without_velocity_the_last_pose_is_the_prediction() -> None:
    np.testing.assert_array_equal(ConstantVelocity(0.0, STEP).predict(5.0), STEP)


def test_a_long_gap_is_not_extrapolated_for_ever() -> None:
    ahead = se3.log(se3.inverse(STEP) @ moving().predict(1e6))
    np.testing.assert_allclose(ahead, MAX_EXTRAPOLATION * se3.log(STEP), atol=1e-6)


def test_a_repeated_timestamp_forgets_the_velocity_rather_than_dividing_by_zero() -> None:
    model = moving().updated(10.1, np.eye(4))
    np.testing.assert_array_equal(model.predict(11.0), np.eye(4))


def test_correction_keeps_the_velocity() -> None:
    corrected = moving().corrected(np.eye(4))
    np.testing.assert_allclose(corrected.predict(10.2), STEP, atol=1e-9)


PERIOD_S = 0.1
IDENTITY: NDArray[np.float64] = np.eye(3)
BIAS = np.array([0.02, -0.05, 0.08])  # rad/s, as large as that of EuRoC's gyroscope


def shaken(number: int) -> NDArray[np.float64]:
    """A rotation that constant velocity cannot foresee."""
    return se3.so3_exp(np.random.default_rng(number).normal(scale=0.2, size=3))


def swaying(number: int) -> NDArray[np.float64]:
    """A rotation that it does foresee, to a degree or two."""
    trembling = np.random.default_rng(number).normal(scale=0.005, size=3)
    return se3.so3_exp(np.array([0.5 * np.sin(0.3 * number), 0, 0])) @ se3.so3_exp(trembling)


def recorded(
    count: int,
    rotation: Callable[[int], NDArray[np.float64]] = shaken,
    R_wrong: NDArray[np.float64] = IDENTITY,
) -> list[tuple[float, Transform, Attitude]]:
    """Poses of a camera that moves along x, and what a gyroscope that drifts says of them."""
    R_began_cam, found = IDENTITY, []
    for number in range(count):
        R_world_cam = rotation(number)
        if number:
            turn = rotation(number - 1).T @ R_world_cam @ se3.so3_exp(BIAS * PERIOD_S)
            R_began_cam = R_began_cam @ R_wrong @ turn @ R_wrong.T
        T_world_cam = se3.from_rotation_translation(R_world_cam, np.array([0.3 * number, 0, 0]))
        found.append((number * PERIOD_S, T_world_cam, Attitude(0, R_began_cam)))
    return found


def followed(poses: list[tuple[float, Transform, Attitude]]) -> ConstantVelocity:
    model = ConstantVelocity(*poses[0])
    for pose in poses[1:]:
        model = model.updated(*pose)
    return model


def test_the_gyroscope_turns_and_the_velocity_moves() -> None:
    R_world_cam = shaken(1)
    began = Attitude(7, shaken(2))
    model = ConstantVelocity(10.0, np.eye(4)).updated(10.1, STEP, began)
    predicted = model.predict(10.2, Attitude(7, began.R_began_cam @ R_world_cam))
    np.testing.assert_allclose(predicted[:3, :3], STEP[:3, :3] @ R_world_cam, atol=1e-12)
    np.testing.assert_array_equal(predicted[:3, 3], model.predict(10.2)[:3, 3])


def test_the_first_pose_of_a_map_is_turned_already() -> None:
    began = Attitude(7, np.eye(3))
    predicted = ConstantVelocity(0.0, STEP, began).predict(0.1, Attitude(7, shaken(1)))
    np.testing.assert_allclose(predicted[:3, :3], STEP[:3, :3] @ shaken(1), atol=1e-12)
    np.testing.assert_array_equal(predicted[:3, 3], STEP[:3, 3])


def test_the_drift_of_the_gyroscope_is_learnt_from_the_poses() -> None:
    *before, (time_s, T_world_cam, attitude) = recorded(21)
    predicted = followed(before).predict(time_s, attitude)
    np.testing.assert_allclose(predicted[:3, :3], T_world_cam[:3, :3], atol=1e-12)


def test_a_pose_that_is_far_off_does_not_change_what_is_known_of_the_drift() -> None:
    *before, (time_s, T_world_cam, attitude) = recorded(21)
    T_wrong = T_world_cam @ se3.exp(np.array([0, 0, 0, 0.5, 0.5, 0.5]))
    model = followed(before).updated(time_s, T_wrong, attitude)
    np.testing.assert_allclose(model.gyroscope.drift_rad_s, BIAS, atol=1e-9)


def test_frames_without_a_pose_cost_the_gyroscope_little() -> None:
    *before, (time_s, T_world_cam, attitude) = recorded(25)
    model = followed(before[:20])
    of_gyroscope, of_velocity = model.predict(time_s, attitude), model.predict(time_s)
    missed_deg = [
        np.rad2deg(se3.rotation_angle_rad(each[:3, :3].T @ T_world_cam[:3, :3]))
        for each in (of_gyroscope, of_velocity)
    ]
    assert missed_deg[0] < 1
    assert missed_deg[1] > 20


def test_an_attitude_from_beyond_a_gap_says_nothing() -> None:
    model = ConstantVelocity(10.0, np.eye(4)).updated(10.1, STEP, Attitude(7, np.eye(3)))
    np.testing.assert_array_equal(model.predict(10.2, Attitude(8, shaken(1))), model.predict(10.2))
    without = ConstantVelocity(10.0, np.eye(4)).updated(10.1, STEP)
    np.testing.assert_array_equal(without.predict(10.2, Attitude(7, shaken(1))), without.predict(10.2))


def test_a_gyroscope_that_is_worse_than_none_is_not_believed_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As where the rotation between camera and IMU is wrong: here by half a turn about z."""
    half_a_turn = se3.so3_exp(np.array([0, 0, np.pi]))
    *before, (time_s, _, attitude) = recorded(2 * NUM_POSES, swaying, half_a_turn @ se3.so3_exp(BIAS))
    model = followed(before)
    np.testing.assert_array_equal(model.predict(time_s, attitude), model.predict(time_s))
    assert caplog.text.count("T_cam_imu") == 1
    caplog.clear()
    assert followed(recorded(2 * NUM_POSES, swaying)).gyroscope.is_believed
    assert not caplog.text
