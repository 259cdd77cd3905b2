import numpy as np
from numpy.testing import assert_array_equal

from vo_frontend.geometry.alignment import Similarity
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import KeyframeAdded, KeyframesMoved, LoopClosed, MapEvent, SegmentJoined
from vo_frontend.mapping.records import Records
from vo_frontend.types import FrameResult, Reason, Status


def pose_at(x: float) -> Transform:
    T_world_cam = np.eye(4)
    T_world_cam[0, 3] = x
    return T_world_cam


def result(index: int, x: float, segment_id: int, *events: MapEvent) -> FrameResult:
    keyframe = KeyframeAdded(segment_id, index, index, pose_at(x))
    return FrameResult(
        index, index, Status.TRACKING, Reason.NONE, segment_id, pose_at(x), events=(keyframe, *events)
    )


def test_a_loop_joins_its_keyframes_as_they_stand_by_now_and_remembers_where_the_new_one_was() -> None:
    records = Records()
    loop = LoopClosed(0, 0, 9, 50, pose_at(12.0), pose_at(10.0))
    for each in (result(0, 0.0, 0), result(5, 5.0, 0), result(9, 10.0, 0, loop)):
        records.update(each)
    records.update(
        result(10, 11.0, 0, KeyframesMoved(0, np.array([0, 9]), np.array([pose_at(1), pose_at(8)])))
    )
    edges = records.loops.edges(records.trajectory)
    assert edges.positions_world[:, :, 0].tolist() == [[1, 12, 8]]
    assert edges.scaled({0: 2.0}).positions_world[0, 2, 0] == 16
    assert edges.scaled({1: 2.0}).positions_world[0, 2, 0] == 8


def test_a_loop_goes_along_when_its_segment_is_joined_to_another() -> None:
    records = Records()
    loop = LoopClosed(1, 4, 9, 50, pose_at(3.0), pose_at(2.0))
    for each in (result(0, 0.0, 0), result(4, 0.0, 1), result(9, 2.0, 1, loop)):
        records.update(each)
    joined = SegmentJoined(1, 0, Similarity(2.0, np.eye(3), np.array([5.0, 0, 0])))
    records.update(result(10, 10.0, 0, joined))
    edges = records.loops.edges(records.trajectory)
    assert_array_equal(edges.segment_ids, [0])
    assert edges.positions_world[:, :, 0].tolist() == [[5, 11, 9]]


def test_a_loop_to_a_keyframe_of_an_earlier_run_has_no_place_on_the_trajectory() -> None:
    records = Records()
    records.update(result(3, 0.0, 0, LoopClosed(0, -7, 3, 50, pose_at(3.0), pose_at(0.0))))
    assert len(records.loops.edges(records.trajectory)) == 0
