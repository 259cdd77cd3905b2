"""Whether a path tells the scale of its estimate."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation import evaluate
from vo_frontend.evaluation.told_scale import MAX_DOUBT, told_scale
from vo_frontend.types import Trajectory


def walk(extent_m: float) -> NDArray[np.float64]:
    """Positions on an arc that extend so far (rms)."""
    angles = np.linspace(0, 3, 200)
    positions = np.stack([np.cos(angles), np.zeros(200), np.sin(angles)], axis=1)
    positions -= positions.mean(axis=0)
    return extent_m * positions / np.sqrt((positions**2).sum(axis=1).mean())


def noise(sigma_m: float) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(0, sigma_m / np.sqrt(3), (200, 3))


def posed(positions: NDArray[np.float64]) -> Trajectory:
    T_world_cam = np.tile(np.eye(4), (len(positions), 1, 1))
    T_world_cam[:, :3, 3] = positions
    return Trajectory(np.arange(len(positions)), T_world_cam)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 2.0])
def test_a_wrong_scale_is_told_however_wrong_it_is(factor: float) -> None:
    assert told_scale(factor * walk(10.0), walk(10.0)) == pytest.approx(1 / factor)


@pytest.mark.parametrize("extent_m", [0.01, 1.0, 100.0])
def test_errors_are_held_against_the_extent_of_the_path(extent_m: float) -> None:
    truth = walk(extent_m)
    assert told_scale(truth + noise(0.5 * MAX_DOUBT * extent_m), truth) == pytest.approx(1, abs=0.1)
    with pytest.raises(TrajectoryError, match="at any scale leave it open, on a path that extends"):
        told_scale(truth + noise(1.5 * MAX_DOUBT * extent_m), truth)


def test_a_camera_that_turns_on_the_spot_has_errors_but_no_scale_error() -> None:
    truth = walk(0.04)
    found = evaluate(posed(truth + noise(0.02)), posed(truth), sensor_has_scale=True)
    assert found.ate_m is not None
    assert found.scale_error_percent is None
    assert found.scale_drift is None
    (row,) = [row for row in found.rows() if row[0] == "scale error"]
    assert row[1] is None
    assert "at any scale" in row[2]
