"""A window that is corrected, joined or ended, or takes back what left: keeper and listeners hear of it."""

import numpy as np
import pytest
from map_inputs import SIZE, RecordingKeeper, add_keyframe, frames_of, pose, recallable
from map_invariants import check

from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import (
    KeyframesMoved,
    LandmarksMoved,
    LandmarksRecalled,
    LandmarksRetired,
    SegmentJoined,
)
from vo_frontend.mapping.sparse_map import SparseMap

SIMILARITY = Similarity(2.5, se3.so3_exp(np.array([0.2, -0.1, 0.4])), np.array([3.0, -1.0, 7.0]))
NEWEST = [1, 1, 1, 1, 2, 0]  # position of the newest keyframe that sees each landmark of the small map


def small_map(keeper: RecordingKeeper) -> SparseMap:
    """Three keyframes, six landmarks: 0..3 seen by frames 0 and 1, 4 by 1 and 2, 5 by 0 alone."""
    sparse_map = SparseMap(4, max_keyframes=3, descriptor_size=SIZE, keeper=keeper)
    for frame_index in range(3):
        add_keyframe(sparse_map, frame_index)
    points = np.random.default_rng(1).uniform([-2, -2, 4], [2, 2, 8], (6, 3))
    sparse_map.add_landmarks(points[:4], [(0, np.arange(4)), (1, np.arange(4))])
    sparse_map.add_landmarks(points[4:5], [(1, np.array([4])), (2, np.array([0]))])
    sparse_map.add_landmarks(points[5:], [(0, np.array([9]))])
    sparse_map.take_events()
    return sparse_map


@pytest.mark.parametrize("scales", [[1.0, 1.0, 1.0], [1.0, 1.5, 0.5]])
def test_a_correction_takes_each_landmark_along_with_its_newest_keyframe(scales: list[float]) -> None:
    sparse_map = small_map(RecordingKeeper())
    before, points = [k.T_world_cam for k in sparse_map.keyframes], sparse_map.landmarks.points_world
    after = np.array([pose(k + 3.0) @ se3.exp(np.linspace(0.0, 0.5, 6)) for k in range(3)])
    sparse_map.correct(after, np.array(scales))
    check(sparse_map)
    for row, k in enumerate(NEWEST):
        in_camera = scales[k] * se3.transform_points(se3.inverse(before[k]), points[row : row + 1])
        expected = se3.transform_points(after[k], in_camera)
        np.testing.assert_allclose(sparse_map.landmarks.points_world[row : row + 1], expected, atol=1e-12)
    moved, landmarks = sparse_map.take_events()
    assert isinstance(moved, KeyframesMoved)
    np.testing.assert_array_equal(moved.T_world_cam, after)
    assert isinstance(landmarks, LandmarksMoved)
    np.testing.assert_array_equal(landmarks.points_world, sparse_map.landmarks.points_world)


def test_joining_takes_all_to_the_world_and_the_segment_of_the_other() -> None:
    keeper = RecordingKeeper()
    sparse_map = small_map(keeper)
    before = np.array([k.T_world_cam for k in sparse_map.keyframes])
    points = sparse_map.landmarks.points_world
    sparse_map.join(1, SIMILARITY)
    check(sparse_map)
    assert sparse_map.segment_id == sparse_map.snapshot().segment_id == 1
    after = np.array([k.T_world_cam for k in sparse_map.keyframes])
    np.testing.assert_allclose(after, SIMILARITY.transform_poses(before), atol=1e-12)
    expected = SIMILARITY.transform_points(points)
    np.testing.assert_allclose(sparse_map.landmarks.points_world, expected, atol=1e-12)
    joined, *moves = sparse_map.take_events()
    assert joined == SegmentJoined(4, 1, SIMILARITY)
    assert [(type(event), event.segment_id) for event in moves] == [(KeyframesMoved, 1), (LandmarksMoved, 1)]
    sparse_map.end()
    assert keeper.segments == [1] * 3


def test_a_recall_after_the_window_has_moved_on_brings_back_what_left_and_nothing_else() -> None:
    keeper = RecordingKeeper()
    sparse_map = small_map(keeper)
    for frame_index, ids in ((3, [4]), (4, [4]), (5, [])):
        add_keyframe(sparse_map, frame_index, ids)
    assert list(keeper.keyframes) == [0, 2, 1], "2 because three others saw all that it did"
    old = keeper.keyframes.pop(0)
    gone = recallable(sparse_map, keeper, old)
    assert gone.ids.tolist() == [0, 1, 2, 3, 5]
    sparse_map.take_events()
    sparse_map.recall([old], gone)
    check(sparse_map, is_trimmed=False)
    assert frames_of(sparse_map) == [0, 3, 4, 5]
    assert sparse_map.landmarks.ids.tolist() == list(range(6))
    (event,) = sparse_map.take_events()
    assert isinstance(event, LandmarksRecalled)
    np.testing.assert_array_equal(event.ids, gone.ids)
    sparse_map.trim()
    check(sparse_map)
    assert frames_of(sparse_map)[-2:] == [4, 5]


def test_what_retires_at_the_end_hangs_on_the_newest_keyframe_that_sees_it() -> None:
    keeper = RecordingKeeper()
    sparse_map = small_map(keeper)
    points_world = sparse_map.landmarks.points_world
    sparse_map.end()
    assert [keeper.landmarks[number][0] for number in range(6)] == NEWEST
    np.testing.assert_array_equal([keeper.landmarks[number][1] for number in range(6)], points_world)
    (retired,) = [event for event in sparse_map.take_events() if isinstance(event, LandmarksRetired)]
    assert retired.ids.tolist() == list(range(6))


def test_landmark_ids_go_on_where_the_segment_before_ended() -> None:
    keeper = RecordingKeeper()
    first = small_map(keeper)
    first.end()
    second = SparseMap(
        5, max_keyframes=5, descriptor_size=SIZE, first_landmark_id=first.next_landmark_id, keeper=keeper
    )
    add_keyframe(second, 10)
    add_keyframe(second, 11)
    second.add_landmarks(np.ones((3, 3)), [(0, np.arange(3)), (1, np.arange(3))])
    assert second.landmarks.ids.tolist() == [6, 7, 8]
    second.end()
    assert sorted(keeper.landmarks) == list(range(9))
    assert keeper.segments == [4, 4, 4, 5, 5]
