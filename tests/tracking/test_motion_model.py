import numpy as np

from vo_frontend.geometry import se3
from vo_frontend.tracking.motion_model import MAX_EXTRAPOLATION, ConstantVelocity

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
