"""Poses that hang on keyframes, fed with made-up results and events."""

import gc
import weakref
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from vo_frontend.errors import TrajectoryError
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import (
    FramesMoved,
    KeyframeAdded,
    KeyframeMerged,
    KeyframesMoved,
    KeyframesRescaled,
    MapEvent,
    SegmentJoined,
)
from vo_frontend.mapping.trajectory import TrajectoryRecord
from vo_frontend.types import FrameResult, Reason, StampedPose, Status

STEP_NS = 10**8


def pose(index: int) -> Transform:
    return se3.exp(np.array([0.1 * index, 0, index, 0, 0.01 * index, 0]))


def added(index: int, segment_id: int = 0) -> KeyframeAdded:
    return KeyframeAdded(segment_id, index, index * STEP_NS, pose(index))


def moved(shift_of: Mapping[int, float], segment_id: int = 0) -> KeyframesMoved:
    """Shift keyframes along x from where they were estimated."""
    T_world_cam = np.array([pose(index) for index in shift_of])
    T_world_cam[:, 0, 3] += list(shift_of.values())
    return KeyframesMoved(segment_id, np.array(list(shift_of)), T_world_cam)


def tracked(
    index: int, *events: MapEvent, segment_id: int = 0, backfilled: tuple[StampedPose, ...] = ()
) -> FrameResult:
    return FrameResult(
        index,
        index * STEP_NS,
        Status.TRACKING,
        Reason.NONE,
        segment_id,
        pose(index),
        backfilled=backfilled,
        events=events,
    )


def shifts(record: TrajectoryRecord) -> list[float]:
    """How far each pose has moved along x since it was estimated."""
    found = record.trajectory()
    estimated = np.array([pose(index) for index in found.frame_indices.tolist()])
    return [float(value) for value in np.round(found.T_world_cam[:, 0, 3] - estimated[:, 0, 3], 9)]


def test_poses_follow_the_keyframe_that_they_hang_on() -> None:
    record = TrajectoryRecord()
    for result in (tracked(0, added(0)), tracked(1), tracked(2, added(2)), tracked(3)):
        record.update(result)
    record.update(tracked(4, added(4), moved({0: 0.5, 2: -0.25, 4: 0.0})))
    assert shifts(record) == [0.5, 0.5, -0.25, -0.25, 0.0]
    assert record.trajectory().frame_indices.tolist() == [0, 1, 2, 3, 4]


def test_distances_from_keyframes_grow_with_the_scale_of_each() -> None:
    record = TrajectoryRecord()
    record.update(tracked(0, added(0)))
    record.update(tracked(1))
    record.update(tracked(2, added(2)))
    record.update(tracked(3))
    scales = np.array([1.2, 0.9])
    record.update(tracked(4, KeyframesRescaled(0, np.array([0, 2]), scales), moved({0: 0.0, 2: 0.5})))
    T_world_cam = record.trajectory().T_world_cam
    for frame, keyframe, scale in ((1, 0, 1.2), (3, 2, 0.9)):
        before = se3.inverse(pose(keyframe)) @ pose(frame)
        now = se3.inverse(T_world_cam[keyframe]) @ T_world_cam[frame]
        np.testing.assert_allclose(now[:3, 3], scale * before[:3, 3], atol=1e-12)
        np.testing.assert_allclose(now[:3, :3], before[:3, :3], atol=1e-12)
    np.testing.assert_allclose(record.online().T_world_cam, [pose(k) for k in range(5)], atol=1e-12)


def test_frames_that_are_placed_again_move_alone_and_then_follow_their_keyframe() -> None:
    record = TrajectoryRecord()
    for result in (tracked(0, added(0)), tracked(1), tracked(2, added(2)), tracked(3), tracked(4)):
        record.update(result)
    better = np.array([pose(3), pose(4)])
    better[:, 0, 3] += (0.25, -0.5)
    record.update(tracked(5, added(5), FramesMoved(0, np.array([3, 4]), better)))
    assert record.first_changed_row <= 3
    assert shifts(record) == [0.0, 0.0, 0.0, 0.25, -0.5, 0.0]
    record.update(tracked(6, moved({2: 1.0})))
    assert shifts(record) == [0.0, 0.0, 1.0, 1.25, 0.5, 0.0, 0.0]
    assert_allclose(record.online().T_world_cam, [pose(k) for k in range(7)], atol=1e-12)


def test_a_keyframe_that_has_left_the_window_still_takes_its_poses_along() -> None:
    record = TrajectoryRecord()
    for index in range(300):
        record.update(tracked(index, *([added(index)] if index % 10 == 0 else [])))
    record.update(tracked(300, moved({0: 1.0})))
    assert shifts(record)[:11] == [1.0] * 10 + [0.0]
    assert record.first_changed_row == 0


def test_a_rotated_keyframe_turns_its_poses_about_itself() -> None:
    record = TrajectoryRecord()
    record.update(tracked(0, added(0)))
    record.update(tracked(1))
    T_turn = se3.exp(np.array([0, 0, 0, 0, 0.3, 0]))
    record.update(tracked(2, KeyframesMoved(0, np.array([0]), (pose(0) @ T_turn)[None])))
    expected = pose(0) @ T_turn @ se3.inverse(pose(0)) @ pose(1)
    assert_allclose(record.trajectory().T_world_cam[1], expected, atol=1e-12)


def test_the_poses_of_an_adjustment_are_not_kept_beside_the_record() -> None:
    record = TrajectoryRecord()
    record.update(tracked(0, added(0)))
    record.update(tracked(1, added(1)))
    event = moved({0: 1.0, 1: 2.0})
    window = weakref.ref(event.T_world_cam)  # of all keyframes that were adjusted together
    record.update(tracked(2, event))
    del event
    gc.collect()
    assert window() is None


def test_waiting_frames_hang_on_the_reference_not_on_the_frame_that_placed_them() -> None:
    record = TrajectoryRecord()
    waiting = tuple(StampedPose(index, index * STEP_NS, pose(index)) for index in (0, 1, 2))
    record.update(tracked(3, added(0), added(3), backfilled=waiting))
    record.update(tracked(4, moved({3: 2.0})))
    assert shifts(record) == [0.0, 0.0, 0.0, 2.0, 0.0]


def test_the_first_changed_row_is_told_for_each_update() -> None:
    record = TrajectoryRecord()
    found = []
    for result in (
        tracked(0, added(0)),
        tracked(1, added(1)),
        tracked(2),
        tracked(3, moved({1: 0.1})),
        tracked(4),
    ):
        record.update(result)
        found.append(record.first_changed_row)
    assert found == [0, 1, 2, 1, 4]


def test_two_readers_of_the_same_results_hold_the_same_trajectory() -> None:
    results = [tracked(0, added(0)), tracked(1), tracked(2, added(2), moved({0: 0.5, 2: 0.1}))]
    first, second = TrajectoryRecord(), TrajectoryRecord()
    for result in results:
        first.update(result)
    for result in results:
        second.update(result)
    assert_array_equal(first.trajectory().T_world_cam, second.trajectory().T_world_cam)


def test_poses_of_a_merged_keyframe_stay_where_they_are_and_follow_the_other_one() -> None:
    record = TrajectoryRecord()
    for result in (tracked(0, added(0)), tracked(1, added(1)), tracked(2), tracked(3, added(3))):
        record.update(result)
    record.update(tracked(4, KeyframeMerged(0, 1, 0)))
    assert shifts(record) == [0.0] * 5
    record.update(tracked(5, moved({0: 0.5})))
    assert shifts(record) == [0.5, 0.5, 0.5, 0.0, 0.0, 0.0]


def test_keyframes_that_come_and_go_leave_nothing_behind() -> None:
    record = TrajectoryRecord()
    record.update(tracked(0, added(0)))
    for index in range(1, 1000):
        record.update(tracked(index, added(index), KeyframeMerged(0, index, 0)))
    assert record.keyframe_indices == [0]
    assert record._keyframes.num_rows <= 256
    record.update(tracked(1000, moved({0: 0.5})))
    assert shifts(record) == [0.5] * 1000 + [0.0]


def test_poses_beyond_the_budget_of_memory_lie_in_a_file() -> None:
    small, large = TrajectoryRecord(max_memory_bytes=1000), TrajectoryRecord()
    for index in range(300):
        event = [added(index)] if index % 10 == 0 else [moved({10 * (index // 10): 0.01 * index})]
        for record in (small, large):
            record.update(tracked(index, *event))
    assert isinstance(small._table.rows.base, np.memmap)
    assert_array_equal(small.trajectory().T_world_cam, large.trajectory().T_world_cam)
    assert_array_equal(small.online().T_world_cam, large.online().T_world_cam)


def test_a_joined_segment_is_scaled_into_the_world_of_the_other() -> None:
    record = TrajectoryRecord()
    record.update(tracked(0, added(0)))
    record.update(tracked(1, added(1, segment_id=1), segment_id=1))
    record.update(tracked(2, segment_id=1))
    similarity = Similarity(2.0, se3.so3_exp(np.array([0, 0, 0.5])), np.array([7.0, 0, 0]))
    record.update(tracked(3, SegmentJoined(1, 0, similarity)))
    found = record.trajectory()
    assert found.segment_ids.tolist() == [0, 0, 0, 0]
    assert_allclose(found.T_world_cam[0], pose(0), atol=1e-12)
    expected = similarity.transform_poses(np.array([pose(1), pose(2)]))
    assert_allclose(found.T_world_cam[1:3], expected, atol=1e-12)
    # A later correction of the joined keyframe takes its poses along at the new scale.
    T_world_keyframe = expected[0].copy()
    T_world_keyframe[:3, 3] += 1.0
    record.update(tracked(4, KeyframesMoved(0, np.array([1]), T_world_keyframe[None])))
    found = record.trajectory()
    assert_allclose(found.T_world_cam[1:3, :3, 3], expected[:, :3, 3] + 1.0, atol=1e-12)


def test_where_an_earlier_segment_goes_on_poses_hang_on_its_keyframes_and_not_on_those_of_a_later_one() -> (
    None
):
    record = TrajectoryRecord()
    record.update(tracked(0, added(0)))
    record.update(tracked(10, added(10, segment_id=1), segment_id=1))
    record.update(tracked(20))  # back in segment 0, before it has a new keyframe
    record.update(tracked(21, moved({0: 0.5})))
    assert shifts(record) == [0.5, 0.0, 0.5, 0.0]
    away = Similarity(3.0, np.eye(3), np.array([7.0, 0.0, 0.0]))
    before = record.trajectory().T_world_cam[[0, 2, 3]]
    record.update(tracked(22, SegmentJoined(1, 0, away), moved({10: -1.0})))
    assert_array_equal(record.trajectory().T_world_cam[[0, 2, 3]], before)
    assert shifts(record)[1] == -1.0
    assert set(record.trajectory().segment_ids.tolist()) == {0}


def test_without_keyframes_poses_stay_as_they_were_estimated() -> None:
    record = TrajectoryRecord()
    record.update(tracked(0))
    record.update(FrameResult(1, STEP_NS, Status.LOST, Reason.BAD_IMAGE, 0, None))
    record.update(tracked(2))
    assert record.trajectory().frame_indices.tolist() == [0, 2]
    assert shifts(record) == [0.0, 0.0]


def two_segments() -> TrajectoryRecord:
    record = TrajectoryRecord()
    record.update(tracked(0, added(0)))
    record.update(tracked(1))
    record.update(tracked(5, added(5, segment_id=1), segment_id=1))
    return record


def test_segments_are_trajectories_of_their_own_and_scale_by_themselves() -> None:
    found = two_segments().trajectory()
    assert {key: len(part) for key, part in found.segments().items()} == {0: 2, 1: 1}
    scaled = found.scaled({1: 10.0})
    assert_array_equal(scaled.T_world_cam[:2], found.T_world_cam[:2])
    assert_array_equal(scaled.T_world_cam[2, :3, 3], 10 * found.T_world_cam[2, :3, 3])
    assert_array_equal(scaled.T_world_cam[2, :3, :3], found.T_world_cam[2, :3, :3])
    assert_array_equal(found.T_world_cam, two_segments().trajectory().T_world_cam)


@pytest.mark.parametrize("name", ["tum", "kitti", "euroc"])
def test_every_format_reads_back_exactly_from_a_path_or_a_string(name: str, tmp_path: Path) -> None:
    found = two_segments().trajectory()
    for path in (tmp_path / "a.txt", str(tmp_path / "b.txt")):
        found.save(name, path)
        back = read_poses(Path(path))
        assert_allclose(back.T_world_cam, found.T_world_cam, atol=1e-15)
        if name == "kitti":
            assert back.frame_indices is not None
            assert back.frame_indices.tolist() == [0, 1, 5]
        else:
            assert back.timestamps_ns is not None
            assert_array_equal(back.timestamps_ns, found.timestamps_ns)
        if name == "tum":
            assert_array_equal(back.segment_ids, found.segment_ids)


def test_an_unknown_format_is_named_with_the_nearest_right_one(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match="unknown trajectory format 'tumm', did you mean 'tum'"):
        two_segments().trajectory().save("tumm", tmp_path / "a.txt")
