"""The one entry: known answers, what cannot be told, inputs untouched."""

import json

import numpy as np
import pytest
from known import known

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation import evaluate
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.types import Trajectory

NOT_TOLD_WITHOUT_SCALE = {
    "similarity", "ate_m", "rpe_translation_m", "rpe_distance", "final_position_error_percent", "kitti",
    "scale_drift",
}  # fmt: skip


def circle(num_poses: int = 101, radius: float = 10.0, turn: float = 1.5) -> Trajectory:
    """A camera that drives along an arc, looking ahead."""
    angles = np.linspace(0, turn, num_poses)
    R = se3.so3_exp(angles[:, None] * np.array([0, 1.0, 0]))
    positions = radius * np.stack([1 - np.cos(angles), np.zeros(num_poses), np.sin(angles)], axis=1)
    return Trajectory(np.arange(num_poses) * 100_000_000, se3.from_rotation_translation(R, positions))


def moved(trajectory: Trajectory, T_error: Transform | None = None, scale: float = 1.0) -> Trajectory:
    T = trajectory.T_world_cam @ (np.eye(4) if T_error is None else T_error)
    T = se3.exp(np.array([1.0, 2, 3, 0.5, -0.4, 2])) @ T
    T[:, :3, 3] *= scale
    return Trajectory(trajectory.timestamps_ns, T)


def test_another_world_and_scale_are_no_error_for_mono() -> None:
    found = evaluate(moved(circle(), scale=0.2), circle(), sensor_has_scale=False, num_frames=202)
    assert found.alignment == "Sim(3)"
    assert found.scale == pytest.approx(5.0)
    assert found.scale_error_percent is None, "no scale was claimed"
    assert known(found.ate_m).max < 1e-10
    assert known(found.rpe_translation_m).max < 1e-10
    assert known(found.rpe_rotation_deg).max < 1e-6
    assert known(found.final_heading_error_deg) < 1e-6
    assert known(found.final_position_error_percent) < 1e-8
    assert known(found.kitti).t_rel_percent < 1e-8
    assert found.scale_drift == pytest.approx(1.0)
    assert found.path_length_m == pytest.approx(15.0, rel=1e-3)
    assert found.tracked_percent == 50.0
    assert found.missing == {}


def test_a_wrong_scale_is_an_error_for_a_sensor_that_knows_it() -> None:
    found = evaluate(moved(circle(), scale=1.1), circle(), sensor_has_scale=True)
    assert found.alignment == "SE(3)"
    assert found.scale == 1.0
    assert found.scale_error_percent == pytest.approx(10.0)
    assert ("scale error", found.scale_error_percent, "%") in found.rows()
    assert found.final_position_error_percent == pytest.approx(10 * 13.633 / 15.0, rel=1e-3)  # chord over arc
    assert known(found.rpe_translation_m).mean == pytest.approx(0.1 * 0.15, rel=1e-3)
    assert found.scale_drift == pytest.approx(1.0)


def test_a_constant_turn_error_per_frame_is_found() -> None:
    error = np.deg2rad(0.1)
    drifting = circle()
    T = drifting.T_world_cam.copy()
    T[:, :3, :3] = T[:, :3, :3] @ se3.so3_exp(np.arange(101)[:, None] * np.array([0, error, 0]))
    found = evaluate(Trajectory(drifting.timestamps_ns, T), circle(), sensor_has_scale=False)
    assert known(found.rpe_rotation_deg).mean == pytest.approx(0.1)
    assert known(found.rotation_10_frames_deg).median == pytest.approx(1.0)
    assert found.final_rotation_error_deg == pytest.approx(10.0)
    assert found.final_heading_error_deg == pytest.approx(10.0)
    assert known(found.ate_m).max < 1e-10  # positions are right


def test_a_roll_error_is_a_rotation_error_but_no_heading_error() -> None:
    rolled = circle()
    T = rolled.T_world_cam.copy()
    T[:, :3, :3] = T[:, :3, :3] @ se3.so3_exp(np.linspace(0, 0.1, 101)[:, None] * np.array([0, 0, 1.0]))
    found = evaluate(Trajectory(rolled.timestamps_ns, T), circle(), sensor_has_scale=False)
    assert found.final_rotation_error_deg == pytest.approx(np.rad2deg(0.1))
    assert known(found.final_heading_error_deg) < 1e-6


def test_scale_drift_is_the_scale_at_the_end_over_that_at_the_start() -> None:
    truth = Trajectory(np.arange(201) * 10, np.tile(np.eye(4), (201, 1, 1)))
    truth.T_world_cam[:, 2, 3] = np.arange(201)
    T = truth.T_world_cam.copy()
    T[:, 2, 3] = np.cumsum(np.where(np.arange(201) < 100, 1.0, 0.8))
    assert evaluate(
        Trajectory(truth.timestamps_ns, T), truth, sensor_has_scale=False
    ).scale_drift == pytest.approx(0.8)


def test_a_camera_that_stands_still_has_no_scale_but_rotation_errors() -> None:
    truth = circle(radius=0.01)
    found = evaluate(moved(truth), truth, sensor_has_scale=False)
    assert set(found.missing) == NOT_TOLD_WITHOUT_SCALE
    assert found.missing["similarity"] == "the camera moves 0.014 m only, less than 0.05 m"
    assert known(found.rpe_rotation_deg).max < 1e-6
    with_scale = evaluate(moved(truth), truth, sensor_has_scale=True)
    assert known(with_scale.ate_m).max < 1e-12
    assert set(with_scale.missing) == {
        "scale_error_percent", "rpe_distance", "final_position_error_percent", "kitti", "scale_drift",
    }  # fmt: skip


def test_an_estimate_that_does_not_move_has_no_scale() -> None:
    truth = circle()
    still = Trajectory(truth.timestamps_ns, np.tile(np.eye(4), (101, 1, 1)))
    found = evaluate(still, truth, sensor_has_scale=False)
    assert found.scale is None
    assert "of the estimate are equal, so the scale is undefined" in found.missing["similarity"]


@pytest.mark.parametrize("sensor_has_scale", [True, False])
@pytest.mark.parametrize("num_poses", [0, 1, 2, 3, 11])
def test_few_poses_leave_gaps_with_reasons_and_no_crash(num_poses: int, sensor_has_scale: bool) -> None:
    truth = circle(11)
    estimate = Trajectory(truth.timestamps_ns[:num_poses], truth.T_world_cam[:num_poses])
    found = evaluate(estimate, truth, sensor_has_scale=sensor_has_scale)
    assert found.num_poses == num_poses
    assert (found.ate_m is None) == (num_poses < 3)
    assert (found.rpe_rotation_deg is None) == (num_poses < 2)
    assert json.loads(json.dumps(found.to_mapping(), allow_nan=False))["num_poses"] == num_poses
    for name, reason in found.missing.items():
        assert getattr(found, name) is None
        assert reason
    assert all(value is not None or reason for _, value, reason in found.rows())


def test_poses_without_any_ground_truth_near_in_time_are_an_error() -> None:
    late = Trajectory(circle().timestamps_ns + 10**12, circle().T_world_cam)
    with pytest.raises(TrajectoryError, match="clocks seem to differ by about 1000"):
        evaluate(late, circle(), sensor_has_scale=False)


def test_inputs_are_not_touched_and_the_series_fit_together() -> None:
    estimate, truth = moved(circle(), scale=3.0), circle()
    before = estimate.T_world_cam.copy(), truth.T_world_cam.copy()
    found = evaluate(estimate, truth, sensor_has_scale=False)
    assert (estimate.T_world_cam == before[0]).all()
    assert (truth.T_world_cam == before[1]).all()
    assert known(known(found.series).position_errors_m).shape == (101,)
    assert known(found.series).rotation_errors_deg.shape == (100,)
    np.testing.assert_allclose(known(found.series).T_world_cam, truth.T_world_cam, atol=1e-10)
