"""The drive through the built-in street is one that a car could make, and comes back."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.simulation.street.path import FRAME_PERIOD_NS, drive

PERIOD_S = FRAME_PERIOD_NS * 1e-9
SEEDS = range(8)


def motion(T_world_cam: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Speeds (N - 1,) m/s and turn rates (N - 1,) deg/s between frames."""
    steps = se3.inverse(T_world_cam[:-1]) @ T_world_cam[1:]
    speed = np.linalg.norm(steps[:, :3, 3], axis=1) / PERIOD_S
    return speed, np.rad2deg(se3.rotation_angle_rad(steps[:, :3, :3])) / PERIOD_S


@pytest.mark.parametrize("seed", SEEDS)
def test_the_world_is_the_first_camera(seed: int) -> None:
    np.testing.assert_allclose(drive(seed, 1)[0], np.eye(4), atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_default_drive_returns_to_its_start_with_frames_to_spare(seed: int) -> None:
    T_world_cam = drive(seed, 300)
    distance_m = np.linalg.norm(T_world_cam[:, :3, 3], axis=1)
    heading_deg = np.rad2deg(se3.rotation_angle_rad(T_world_cam[:, :3, :3]))
    again = (np.arange(300) > 200) & (distance_m < 1.0) & (heading_deg < 10.0)
    assert again.any()
    assert np.flatnonzero(again)[0] < 290
    assert distance_m.max() > 40.0


@pytest.mark.parametrize("seed", SEEDS)
def test_motion_is_that_of_a_car(seed: int) -> None:
    speed, turn_rate_deg_s = motion(drive(seed, 1000))
    assert speed.min() > 4.0
    assert speed.max() < 10.0
    assert turn_rate_deg_s.max() < 35.0
    assert np.abs(np.diff(speed)).max() / PERIOD_S < 4.0  # m/s^2
    assert np.abs(np.diff(turn_rate_deg_s)).max() / PERIOD_S < 120.0  # deg/s^2


def test_the_default_drive_makes_four_quarter_turns() -> None:
    forward = drive(0, 300)[:, :3, 2]
    heading_deg = np.rad2deg(np.unwrap(np.arctan2(forward[:, 0], forward[:, 2])))
    assert abs(heading_deg[-1]) == pytest.approx(360.0, abs=12.0)


def test_a_shorter_drive_is_the_beginning_of_a_longer_one() -> None:
    np.testing.assert_array_equal(drive(3, 120), drive(3, 700)[:120])


def test_the_drive_goes_on_for_ever_in_the_same_streets() -> None:
    positions = drive(0, 4000)[:, :3, 3]
    assert np.abs(positions[:, 1]).max() < 0.1
    assert np.abs(positions[:, [0, 2]]).max() < 150.0
