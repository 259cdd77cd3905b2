"""Readings of a gyroscope become rotations of the camera: known answers, gaps, and what cannot be used."""

import numpy as np
import pytest
from known import known
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.sensors.gyroscope import MAX_GAP_NS, MAX_WAITING, Gyroscope

PERIOD_NS = 5_000_000
FIRST_NS = 1_403_715_273_812_143_104  # too large for float64 to hold every nanosecond
TIMES_S = np.linspace(0, 40 * PERIOD_NS * 1e-9, 41)
RATE = np.array([0.3, -0.8, 0.5])
R_CAM_IMU = se3.so3_exp(np.array([0.4, -1.2, 0.7]))


def stamp(position: float) -> int:
    return FIRST_NS + round(position * PERIOD_NS)


def filled(rates: NDArray[np.float64], R_cam_imu: NDArray[np.float64] | None = None) -> Gyroscope:
    gyroscope = Gyroscope(np.eye(3) if R_cam_imu is None else R_cam_imu)
    for position, rate in enumerate(rates):
        gyroscope.add(stamp(position), rate)
    return gyroscope


def turned(gyroscope: Gyroscope, begin: float, end: float) -> NDArray[np.float64]:
    before = known(gyroscope.attitude(stamp(begin)))
    return known(known(gyroscope.attitude(stamp(end))).rotation_since(before))


@pytest.mark.parametrize(("begin", "end"), [(0, 40), (3, 4), (2.3, 2.6), (7.25, 31.5), (5, 5)])
def test_a_constant_rate_turns_by_rate_times_time(begin: float, end: float) -> None:
    expected = se3.so3_exp(RATE * (end - begin) * PERIOD_NS * 1e-9)
    np.testing.assert_allclose(turned(filled(np.tile(RATE, (41, 1))), begin, end), expected, atol=1e-12)


def test_a_turned_imu_gives_the_rotation_of_the_camera() -> None:
    """R_cam0_cam1 is R_cam_imu R_imu0_imu1 R_imu_cam."""
    rates = np.random.default_rng(0).normal(size=(41, 3))
    of_imu, of_camera = turned(filled(rates), 1.5, 30), turned(filled(rates, R_CAM_IMU), 1.5, 30)
    np.testing.assert_allclose(of_camera, R_CAM_IMU @ of_imu @ R_CAM_IMU.T, atol=1e-12)


def test_a_rate_that_grows_linearly_is_integrated_exactly_also_between_readings() -> None:
    """About one axis the angle is the integral of 2 t rad/s, t squared."""
    gyroscope = filled(np.column_stack([2 * TIMES_S, np.zeros((41, 2))]))
    begin_s, end_s = (position * PERIOD_NS * 1e-9 for position in (4.5, 33.25))
    expected = se3.so3_exp(np.array([end_s**2 - begin_s**2, 0, 0]))
    np.testing.assert_allclose(turned(gyroscope, 4.5, 33.25), expected, atol=1e-12)


def test_a_wobbling_axis_is_followed_to_a_hundredth_of_a_degree() -> None:
    """The slow twin takes steps of a hundredth of the readings' interval."""

    def rate(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([2 * np.sin(9 * time_s), 2 * np.cos(9 * time_s), 0.5 * time_s], axis=-1)

    steps_s = np.linspace(0, 40 * PERIOD_NS * 1e-9, 4000, endpoint=False) + 0.5 * PERIOD_NS * 1e-11
    R = np.eye(3)
    for step in se3.so3_exp(rate(steps_s) * PERIOD_NS * 1e-11):
        R = R @ step
    got = turned(filled(rate(TIMES_S)), 0, 40)
    assert np.rad2deg(se3.rotation_angle_rad(R.T @ got)) < 0.01


def test_without_readings_on_both_sides_there_is_no_attitude() -> None:
    gyroscope = filled(np.tile(RATE, (5, 1)))
    assert gyroscope.attitude(stamp(-0.1)) is None
    assert gyroscope.attitude(stamp(4)) is not None
    assert gyroscope.attitude(stamp(4.1)) is None
    assert Gyroscope(np.eye(3)).attitude(stamp(0)) is None
    assert gyroscope.reaches(stamp(4))
    assert not gyroscope.reaches(stamp(4.1))


def test_nobody_knows_the_rotation_across_a_gap() -> None:
    gyroscope = filled(np.tile(RATE, (5, 1)))
    later_ns = stamp(4) + MAX_GAP_NS + 1
    for position in range(5):
        gyroscope.add(later_ns + position * PERIOD_NS, RATE)
    before = known(gyroscope.attitude(stamp(3)))
    assert gyroscope.attitude(stamp(4.5)) is None
    after, last = (known(gyroscope.attitude(later_ns + position * PERIOD_NS)) for position in (1, 3))
    assert after.rotation_since(before) is None
    np.testing.assert_allclose(
        known(last.rotation_since(after)), se3.so3_exp(RATE * 2 * PERIOD_NS * 1e-9), atol=1e-12
    )


def test_the_camera_s_clock_and_the_shift_are_the_clock_of_the_readings() -> None:
    rates = np.column_stack([np.zeros((41, 2)), TIMES_S])
    shifted = Gyroscope(np.eye(3), time_shift_ns=10 * PERIOD_NS)
    for position, rate in enumerate(rates):
        shifted.add(stamp(position), rate)
    assert shifted.reaches(stamp(30))
    assert not shifted.reaches(stamp(31))
    np.testing.assert_allclose(turned(shifted, 5, 25), turned(filled(rates), 15, 35), atol=1e-12)


@pytest.mark.parametrize(
    ("position", "rate"),
    [
        (20.5, [np.nan, 0, 0]),
        (20.5, [0, np.inf, 0]),
        (20.5, [0, 0, 1e300]),
        (20, [9.0, 9, 9]),
        (12, [9.0, 9, 9]),
    ],
)
def test_a_reading_that_is_impossible_or_not_later_is_left_out(position: float, rate: list[float]) -> None:
    gyroscope = filled(np.tile(RATE, (21, 1)))
    gyroscope.add(stamp(position), np.array(rate))
    for later in range(21, 41):
        gyroscope.add(stamp(later), RATE)
    expected = se3.so3_exp(RATE * 30 * PERIOD_NS * 1e-9)
    np.testing.assert_allclose(turned(gyroscope, 5, 35), expected, atol=1e-12)


def test_readings_that_no_frame_asks_for_are_forgotten_but_not_their_rotation() -> None:
    gyroscope = filled(np.tile(RATE, (10, 1)))
    before = known(gyroscope.attitude(stamp(0)))
    last = MAX_WAITING + 100
    for position in range(10, last + 1):
        gyroscope.add(stamp(position), RATE)
    assert gyroscope.attitude(stamp(100)) is None, "the readings around it are forgotten"
    after = known(gyroscope.attitude(stamp(last)))
    np.testing.assert_allclose(
        known(after.rotation_since(before)), se3.so3_exp(RATE * last * PERIOD_NS * 1e-9), atol=1e-9
    )
