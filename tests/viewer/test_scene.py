import pickle

import numpy as np
from viewer_street import FedScene, make_added, make_map, make_pose, make_result, make_retired, make_street

from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import (
    KeyframesMoved,
    LandmarksMerged,
    LandmarksMoved,
    LandmarksRecalled,
    LandmarksRemoved,
    LandmarksRetired,
    LoopClosed,
    SegmentJoined,
)
from vo_frontend.types import FrameResult, Reason, StampedPose, Status


def test_a_new_scene_is_empty() -> None:
    snapshot = FedScene().snapshot()
    assert snapshot.is_empty
    assert snapshot.trajectories == ()
    assert len(snapshot.active_points) == len(snapshot.retired_points) == len(snapshot.ground_truth) == 0


def test_active_points_follow_the_map_and_retired_points_are_appended() -> None:
    scene = FedScene()
    added = make_added(0, np.ones((4, 3)))
    scene.update(make_result(0, (0, 0, 0), events=(added,)))
    for index in (1, 2):
        retired = make_retired(0, np.full((1, 3), float(index)), index)
        moved = LandmarksMoved(0, np.array([0, 3]), np.full((2, 3), 4.0 + index))
        scene.update(make_result(index, (0, 0, index), events=(retired, moved)))
    snapshot = scene.snapshot()
    np.testing.assert_array_equal(snapshot.active_points[:, 0], [6, 6])
    np.testing.assert_array_equal(snapshot.retired_points[:, 0], [1, 2])
    assert snapshot.num_landmarks == 4


def test_every_retired_landmark_is_kept_exactly_once() -> None:
    scene = FedScene()
    results = make_street()
    for result in results:
        scene.update(result)
    events = [event for result in results for event in result.events]
    retired = np.concatenate([event.points_world for event in events if isinstance(event, LandmarksRetired)])
    np.testing.assert_array_equal(scene.snapshot().retired_points, retired.astype(np.float32))


def test_a_retired_landmark_that_is_recalled_moved_or_gone_is_shown_where_it_is_now() -> None:
    scene = FedScene()
    scene.update(make_result(0, (0, 0, 0), events=(make_added(0, np.ones((5, 3))),)))
    scene.update(make_result(1, (0, 0, 1), events=(make_retired(0, np.ones((5, 3))),)))
    assert len(scene.snapshot().retired_points) == 5
    correction = LandmarksMoved(0, np.array([0, 1]), np.array([[2.0, 0, 0], [3.0, 0, 0]]))
    recalled = LandmarksRecalled(0, np.array([1, 2]))
    merged = LandmarksMerged(0, np.array([2]), np.array([3]))
    removed = LandmarksRemoved(0, np.array([4]))
    scene.update(make_result(2, (0, 0, 2), events=(correction, recalled, merged, removed)))
    snapshot = scene.snapshot()
    np.testing.assert_array_equal(snapshot.retired_points, [[2, 0, 0]])
    np.testing.assert_array_equal(snapshot.active_points, [[3, 0, 0], [1, 1, 1]])
    assert snapshot.num_landmarks == 3


def test_the_cloud_never_grows_beyond_its_bound_and_colors_stay_with_their_points() -> None:
    scene = FedScene(max_retired_points=100)
    for i in range(50):
        points = np.full((9, 3), float(i))
        retired = make_retired(0, points, 9 * i, grey=i)
        scene.update(make_result(i, (0, 0, i), events=(retired,)))
        assert len(scene.snapshot().retired_points) <= 100
    snapshot = scene.snapshot()
    np.testing.assert_array_equal(snapshot.retired_points[:, 0], snapshot.retired_colors[:, 0])
    assert snapshot.retired_points[0, 0] == 0
    assert snapshot.retired_points[-1, 0] == 49
    assert snapshot.num_landmarks == 450


def test_a_correction_moves_the_path_and_its_keyframes() -> None:
    scene = FedScene()
    for index in range(4):
        scene.update(make_result(index, (0, 0, index), is_keyframe=index % 2 == 0))
    corrected = KeyframesMoved(0, np.array([2]), make_pose((1, 0, 2))[None])
    scene.update(make_result(4, (1, 0, 4), is_keyframe=True, events=(corrected,)))
    snapshot = scene.snapshot()
    np.testing.assert_array_equal(snapshot.trajectories[0][:, 0], [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(snapshot.T_scene_keyframes[:, 0, 3], [0, 1, 1])


def test_a_joined_segment_is_part_of_the_other_line_and_its_landmarks_go_along() -> None:
    scene = FedScene()
    scene.update(make_result(0, (0, 0, 0)))
    scene.update(make_result(1, (0, 0, 7)))
    added = make_added(1, np.ones((2, 3)))
    scene.update(make_result(9, (0, 0, 0), 1, is_keyframe=True, events=(added,)))
    joined = SegmentJoined(1, 0, Similarity(2.0, np.eye(3), np.array([0.0, 0.0, 8.0])))
    scene.update(make_result(10, (0, 0, 12), 0, events=(joined,)))
    snapshot = scene.snapshot()
    assert len(snapshot.trajectories) == 1
    np.testing.assert_array_equal(snapshot.trajectories[0][:, 2], [0, 7, 8, 12])
    np.testing.assert_array_equal(snapshot.active_points, [[2, 2, 10]] * 2)


def test_backfilled_frames_come_before_the_frame_that_brought_them() -> None:
    scene = FedScene()
    earlier = tuple(StampedPose(i, i, make_pose((0, 0, i))) for i in (2, 3, 4))
    scene.update(make_result(5, (0, 0, 5), backfilled=earlier))
    scene.update(make_result(6, (0, 0, 6)))
    np.testing.assert_array_equal(scene.snapshot().trajectories[0][:, 2], [2, 3, 4, 5, 6])


def test_frames_without_a_pose_add_no_position_and_keep_the_last_camera() -> None:
    scene = FedScene()
    scene.update(make_result(0, (0, 0, 3)))
    scene.update(make_result(1, None))
    snapshot = scene.snapshot()
    assert snapshot.status is Status.LOST
    assert len(snapshot.trajectories[0]) == 1
    assert snapshot.T_scene_cam is not None
    assert snapshot.T_scene_cam[2, 3] == 3


def test_a_new_segment_is_a_new_line_that_starts_where_the_last_one_ended() -> None:
    scene = FedScene()
    scene.update(make_result(0, (0, 0, 0)))
    scene.update(make_result(1, (0, 0, 7)))
    scene.update(make_result(9, (0, 0, 0), segment_id=1))
    scene.update(make_result(10, (1, 0, 0), segment_id=1))
    first, second = scene.snapshot().trajectories
    np.testing.assert_array_equal(first, [[0, 0, 0], [0, 0, 7]])
    np.testing.assert_array_equal(second, [[0, 0, 7], [1, 0, 7]])


def test_landmarks_of_a_segment_that_was_given_up_stay_in_the_picture() -> None:
    scene = FedScene()
    points = np.full((4, 3), 2.0)
    events = make_added(0, points), make_retired(0, points)
    scene.update(make_result(0, (0, 0, 0), events=events))
    scene.update(make_result(1, (0, 0, 0), segment_id=1, events=(make_added(1, np.full((2, 3), 3.0), 4),)))
    snapshot = scene.snapshot()
    np.testing.assert_array_equal(snapshot.retired_points, points)
    np.testing.assert_array_equal(snapshot.active_points, np.full((2, 3), 3.0))


def test_only_keyframes_leave_a_frustum() -> None:
    scene = FedScene()
    for i in range(6):
        scene.update(make_result(i, (0, 0, i), is_keyframe=i % 3 == 0))
    np.testing.assert_array_equal(scene.snapshot().T_scene_keyframes[:, 2, 3], [0, 3])


def test_a_snapshot_is_not_changed_by_later_results_and_survives_the_trip_to_another_process() -> None:
    scene = FedScene()
    results = make_street(30)
    for result in results[:20]:
        scene.update(result)
    snapshot = scene.snapshot()
    copy = pickle.loads(pickle.dumps(snapshot))
    for result in results[20:]:
        scene.update(result)
    np.testing.assert_array_equal(snapshot.retired_points, copy.retired_points)
    np.testing.assert_array_equal(snapshot.trajectories[0], copy.trajectories[0])
    assert snapshot.status == copy.status


def test_landmark_distance_is_that_of_the_typical_landmark() -> None:
    points = np.array([[0, 0, 8.0], [0, 0, 10.0], [0, 0, 1000.0]])
    scene = FedScene()
    scene.update(make_result(0, (0, 0, 1), map=make_map(0, points)))
    assert scene.snapshot().landmark_distance == 9


def test_a_lost_stretch_is_a_gap_that_follows_corrections() -> None:
    scene = FedScene()
    scene.update(make_result(0, (0, 0, 0), is_keyframe=True))
    scene.update(make_result(1, (0, 0, 1)))
    scene.update(make_result(2, None))
    scene.update(make_result(3, (0, 0, 3)))
    np.testing.assert_array_equal(scene.snapshot().gaps, [[[0, 0, 1], [0, 0, 3]]])
    corrected = KeyframesMoved(0, np.array([0]), make_pose((5, 0, 0))[None])
    scene.update(make_result(4, (5, 0, 4), events=(corrected,)))
    np.testing.assert_array_equal(scene.snapshot().gaps, [[[5, 0, 1], [5, 0, 3]]])


def test_a_frame_that_could_not_be_read_and_a_new_segment_are_no_gaps() -> None:
    scene = FedScene()
    scene.update(make_result(0, (0, 0, 0)))
    scene.update(FrameResult(1, 10**8, Status.LOST, Reason.BAD_IMAGE, 0, None))
    scene.update(make_result(2, (0, 0, 2)))
    scene.update(make_result(3, None))
    scene.update(make_result(4, (0, 0, 0), segment_id=1))
    assert len(scene.snapshot().gaps) == 0


def test_a_closed_loop_counts_as_a_correction_of_what_was_drawn_long_ago() -> None:
    scene = FedScene()
    scene.update(make_result(0, (0, 0, 0), is_keyframe=True))
    loop = LoopClosed(0, 0, 1, 50, make_pose((0, 0, 3)), make_pose((0, 0, 1)))
    scene.update(make_result(1, (0, 0, 1), is_keyframe=True, events=(loop,)))
    snapshot = scene.snapshot()
    assert snapshot.num_corrections == 1
    np.testing.assert_array_equal(snapshot.loops, [[[0, 0, 0], [0, 0, 3], [0, 0, 1]]])
