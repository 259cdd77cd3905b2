"""What pictures of a run show: segments in one world, ground truth beside them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from vo_frontend.evaluation import evaluate
from vo_frontend.geometry import se3
from vo_frontend.mapping.landmark_record import LandmarkCloud
from vo_frontend.mapping.loop_record import LoopEdges
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.reports.figures.path import MAP_UNITS, METRES, Loss
from vo_frontend.session.display import Display, SegmentReport
from vo_frontend.session.estimate import Estimate
from vo_frontend.session.path_summary import summarize_path
from vo_frontend.types import Trajectory

NUM = 40
TURN = se3.exp(np.array([5.0, -2.0, 1.0, 0.0, 0.4, 0.0]))  # of the true world against that of the estimate
SECOND_NS = 10**9


def arc(num: int = NUM) -> NDArray[np.float64]:
    """Poses on an arc: (num, 4, 4)."""
    angles = np.linspace(0, 1.5, num)
    poses = np.array([se3.exp(np.array([0, 0, 0, 0, angle, 0])) for angle in angles])
    poses[:, :3, 3] = 10 * np.stack([1 - np.cos(angles), 0 * angles, np.sin(angles)], axis=1)
    return poses


def estimate(poses: NDArray[np.float64], segment_ids: NDArray[np.int64], loops: int = 0) -> Estimate:
    n = len(poses)
    trajectory = EstimatedTrajectory(np.arange(n), np.arange(n) * SECOND_NS, segment_ids, poses)
    keyframes = EstimatedTrajectory(np.arange(0, n, 4), np.arange(0, n, 4), segment_ids[::4], poses[::4])
    points = (poses[:, :3, 3] + [0, 0, 3]).astype(np.float32)
    views = np.full(n, 9, np.uint8)
    cloud = LandmarkCloud(points, np.zeros((n, 3), np.uint8), segment_ids, views)
    edges = LoopEdges(np.zeros(loops, np.int64), np.ones((loops, 3, 3)))
    return Estimate(trajectory, trajectory, keyframes, cloud, n, edges)


def display(found: Estimate, truth: Trajectory | None, losses: tuple[Loss, ...] = ()) -> Display:
    segments = [
        SegmentReport(
            i, part, False, None if truth is None else evaluate(part, truth, sensor_has_scale=False)
        )
        for i, part in found.trajectory.segments().items()
    ]
    return Display("arc", segments, found, truth, losses)


def truth_of(poses: NDArray[np.float64], scale: float = 2.0) -> Trajectory:
    scaled = poses.copy()
    scaled[:, :3, 3] *= scale
    return Trajectory(np.arange(len(poses)) * SECOND_NS, TURN @ scaled)


def one_segment(loops: int = 0) -> Estimate:
    return estimate(arc(), np.zeros(NUM, np.int64), loops)


def test_with_ground_truth_the_path_is_drawn_in_metres_of_the_true_world() -> None:
    truth = truth_of(arc())
    path = display(one_segment(), truth).path()
    assert (path.unit, path.title) == (METRES, "arc, Sim(3) aligned")
    assert_allclose(path.segments[0].positions_world, truth.positions_world, atol=1e-9)
    assert path.T_world_view is not None
    assert_allclose(path.T_world_view, truth.T_world_cam[0])
    length_m = 2 * 10 * 1.5
    assert path.segments[0].distances_m is not None
    assert path.segments[0].distances_m[-1] == pytest.approx(length_m, rel=1e-3)


def test_without_ground_truth_lengths_are_map_units_and_segments_follow_each_other() -> None:
    both = estimate(np.concatenate([arc(), arc()]), np.repeat([0, 3], NUM))
    path = display(both, None).path()
    assert path.unit == MAP_UNITS
    first, second = (segment.positions_world for segment in path.segments)
    assert_allclose(second[0], first[-1], atol=1e-12)
    expected = se3.transform_points(arc()[-1], arc()[:, :3, 3])
    assert_allclose(second, expected, atol=1e-12)
    assert "later segments start where the camera was lost" in path.title


def test_the_map_stays_in_its_own_world_and_ground_truth_comes_to_it() -> None:
    drawn = display(one_segment(), truth_of(arc())).map()
    assert drawn.unit == MAP_UNITS
    assert drawn.positions_gt is not None
    assert_allclose(drawn.positions_gt, arc()[:, :3, 3], atol=1e-9)
    assert_allclose(drawn.paths[0], arc()[:, :3, 3])
    assert_allclose(drawn.T_world_keyframes, arc()[::4])
    assert len(drawn.points) == NUM


def test_a_path_has_a_gap_where_poses_are_missing() -> None:
    loss = Loss(9.5, 9.7, "too few matches")
    drawn = display(one_segment(), None, (loss,)).map()
    assert np.flatnonzero(np.isnan(drawn.paths[0][:, 0])).tolist() == [10]


def test_what_was_told_frame_by_frame_is_drawn_where_loops_have_changed_it() -> None:
    assert display(one_segment(), None).path().online == []
    (told,) = display(one_segment(loops=1), None).path().online
    assert_allclose(told, arc()[:, :3, 3])


def test_a_path_is_as_long_as_the_true_one_or_as_long_as_estimated() -> None:
    known = summarize_path(display(one_segment(), truth_of(arc())), NUM)
    alone = summarize_path(display(one_segment(), None), NUM)
    assert (known.length_unit, alone.length_unit) == (METRES, MAP_UNITS)
    assert known.length == pytest.approx(30, rel=1e-3)
    assert alone.length == pytest.approx(15, rel=1e-3)
    assert known.ate_m == pytest.approx(0, abs=1e-9)
    assert not alone.is_still


def test_a_run_without_a_pose_has_nothing_to_measure() -> None:
    nothing = estimate(np.empty((0, 4, 4)), np.empty(0, np.int64))
    found = summarize_path(display(nothing, None), 5)
    assert (found.num_frames, found.num_poses, found.length) == (5, 0, 0.0)
    assert display(nothing, None).path().segments == []
