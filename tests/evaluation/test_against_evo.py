"""Our errors equal those of evo, the field's reference tool, to 1e-6."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from known import known
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from vo_frontend.evaluation import evaluate
from vo_frontend.evaluation.ate import ErrorStatistics
from vo_frontend.evaluation.rpe import distance_pairs, frame_pairs, relative_errors
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.geometry import se3
from vo_frontend.types import Trajectory

metrics = pytest.importorskip("evo.core.metrics", reason="evo is not installed (pip install -e .[dev])")
evo_trajectory = pytest.importorskip("evo.core.trajectory")


def wander(num_poses: int, seed: int) -> Trajectory:
    """Drive smoothly at random, about one unit per pose."""
    rng = np.random.default_rng(seed)
    T = [np.eye(4)]
    twist = np.array([0, 0, 1.0, 0, 0, 0])
    for _ in range(num_poses - 1):
        twist = 0.9 * twist + 0.1 * np.array([0, 0, 1.0, 0, 0, 0]) + rng.normal(scale=0.03, size=6)
        T.append(T[-1] @ se3.exp(twist))
    return Trajectory(np.arange(num_poses) * 100_000_000 + 7, np.array(T))


def perturbed(trajectory: Trajectory, scale: float, seed: int) -> Trajectory:
    """Add noise, and choose another world and another scale."""
    rng = np.random.default_rng(seed)
    noise = np.array([se3.exp(rng.normal(scale=0.02, size=6)) for _ in range(len(trajectory))])
    T = se3.exp(np.array([5.0, 1, -3, 0.3, 2.0, -0.5])) @ trajectory.T_world_cam @ noise
    T[:, :3, 3] *= scale
    return Trajectory(trajectory.timestamps_ns, T)


def evo_pair(estimate: Trajectory, ground_truth: Trajectory, with_scale: bool) -> tuple[Any, Any]:
    """Return the reference and the aligned estimate as evo's own types."""
    reference, aligned = (
        evo_trajectory.PoseTrajectory3D(
            poses_se3=list(t.T_world_cam.copy()), timestamps=t.timestamps_ns * 1e-9
        )
        for t in (ground_truth, estimate)
    )
    aligned = copy.deepcopy(aligned)
    aligned.align(reference, correct_scale=with_scale)
    return reference, aligned


def evo_error(metric: Any, pair: tuple[Any, Any]) -> NDArray[np.float64]:
    metric.process_data(pair)
    return np.asarray(metric.error)


def assert_equals(statistics: ErrorStatistics | None, errors: NDArray[np.float64]) -> None:
    expected = np.sqrt(np.mean(errors**2)), errors.mean(), np.median(errors), errors.max()
    statistics = known(statistics)
    ours = statistics.rmse, statistics.mean, statistics.median, statistics.max
    assert_allclose(ours, expected, rtol=1e-6, atol=1e-6)


def check(estimate: Trajectory, ground_truth: Trajectory, with_scale: bool) -> None:
    ours = evaluate(estimate, ground_truth, sensor_has_scale=not with_scale)
    pair = evo_pair(estimate, ground_truth, with_scale)
    translation, angle = metrics.PoseRelation.translation_part, metrics.PoseRelation.rotation_angle_deg
    frames = metrics.Unit.frames
    assert_equals(ours.ate_m, evo_error(metrics.APE(translation), pair))
    assert_equals(ours.rpe_translation_m, evo_error(metrics.RPE(translation, 1, frames), pair))
    assert_equals(ours.rpe_rotation_deg, evo_error(metrics.RPE(angle, 1, frames), pair))
    assert_equals(
        ours.rotation_10_frames_deg, evo_error(metrics.RPE(angle, 10, frames, all_pairs=True), pair)
    )
    options = {"all_pairs": True, "pairs_from_reference": True, "rel_delta_tol": 0.1}
    per_distance = known(ours.rpe_distance)
    distance_m = per_distance.distance_m
    for relation, statistics in (
        (translation, per_distance.translation_m),
        (angle, per_distance.rotation_deg),
    ):
        assert_equals(
            statistics, evo_error(metrics.RPE(relation, distance_m, metrics.Unit.meters, **options), pair)
        )


@pytest.mark.parametrize("with_scale", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_errors_of_random_trajectories_equal_those_of_evo(seed: int, with_scale: bool) -> None:
    ground_truth = wander(300, seed)
    check(perturbed(ground_truth, 0.3 if with_scale else 1.0, seed + 10), ground_truth, with_scale)


def test_pairs_over_a_distance_equal_those_of_evo_where_the_camera_rests() -> None:
    ground_truth = wander(120, 5)
    T = np.repeat(ground_truth.T_world_cam, 3, axis=0)
    estimate = T @ np.array([se3.exp(x) for x in np.random.default_rng(0).normal(scale=0.01, size=(360, 6))])
    pairs = distance_pairs(T[:, :3, 3], 10.0)
    filters = pytest.importorskip("evo.core.filters")
    theirs = filters.filter_pairs_by_path(list(T), 10.0, tol=1.0, all_pairs=True)
    # evo counts a rest at the goal from its first pose, and so do we.
    assert list(zip(*(side.tolist() for side in pairs), strict=True)) == [(int(i), int(j)) for i, j in theirs]
    assert len(relative_errors(estimate, T, frame_pairs(len(T), 1))) == 359


@pytest.mark.real
@pytest.mark.parametrize("with_scale", [True, False])
def test_errors_on_real_kitti_poses_equal_those_of_evo(data_root: Path, with_scale: bool) -> None:
    poses = read_poses(data_root / "kitti" / "poses" / "00.txt")
    ground_truth = Trajectory(known(poses.frame_indices) * 100_000_000, poses.T_world_cam)
    check(perturbed(ground_truth, 0.07 if with_scale else 1.0, 3), ground_truth, with_scale)
