"""The local map under its operations; every one of them keeps the invariants."""

from collections.abc import Sequence

import numpy as np
import pytest
from map_invariants import check

from vo_frontend.map_events import LandmarksRemoved, LandmarksRetired, SegmentEnded
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.observations import Observations
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.types import Features

rng = np.random.default_rng(0)


def add_keyframe(sparse_map: SparseMap, landmark_ids: Sequence[int] = (), num_features: int = 20) -> None:
    descriptors = rng.normal(size=(num_features, 4)).astype(np.float32)
    features = Features(
        rng.uniform(0, 100, (num_features, 2)).astype(np.float32),
        descriptors,
        np.ones(num_features, np.float32),
    )
    ids = np.full(num_features, NO_LANDMARK, np.int64)
    ids[: len(landmark_ids)] = landmark_ids
    colors = np.full((num_features, 3), 7, np.uint8)
    number = sparse_map.last_keyframe.view.frame_index + 1 if sparse_map.keyframes else 0
    sparse_map.add_keyframe(View(number, number, features, colors), np.eye(4), ids)
    check(sparse_map)


@pytest.fixture
def sparse_map() -> SparseMap:
    """Make a map of two keyframes that share landmarks 0..9."""
    result = SparseMap(3, max_keyframes=3, descriptor_size=4)
    add_keyframe(result)
    add_keyframe(result)
    result.add_landmarks(rng.normal(size=(10, 3)), [(0, np.arange(10)), (1, np.arange(5, 15))])
    check(result)
    return result


def test_new_landmarks_are_seen_where_they_were_matched(sparse_map: SparseMap) -> None:
    assert sparse_map.landmarks.ids.tolist() == list(range(10))
    assert sparse_map.num_observations().tolist() == [2] * 10
    assert sparse_map.keyframes[1].landmark_ids[5:15].tolist() == list(range(10))
    expected = sparse_map.keyframes[1].features.descriptors[5:15]
    np.testing.assert_array_equal(sparse_map.landmarks.descriptors, expected)


def test_a_later_view_renews_the_descriptor(sparse_map: SparseMap) -> None:
    add_keyframe(sparse_map, [4])
    newest = sparse_map.last_keyframe
    np.testing.assert_array_equal(sparse_map.landmarks.descriptors[4], newest.features.descriptors[0])
    assert sparse_map.num_observations()[4] == 3


def test_the_window_is_bounded_and_unseen_landmarks_retire_exactly_once(sparse_map: SparseMap) -> None:
    add_keyframe(sparse_map, [0, 1])
    add_keyframe(sparse_map, [0])  # the first of four leaves
    add_keyframe(sparse_map)  # the second leaves: landmarks 2..9 are seen by nobody now
    check(sparse_map)
    assert len(sparse_map.keyframes) == 3
    assert sparse_map.landmarks.ids.tolist() == [0, 1]
    retired = [event for event in sparse_map.take_events() if isinstance(event, LandmarksRetired)]
    assert np.concatenate([event.ids for event in retired]).tolist() == list(range(2, 10))
    assert sparse_map.take_events() == ()


def test_giving_the_segment_up_retires_all(sparse_map: SparseMap) -> None:
    sparse_map.take_events()
    sparse_map.end()
    retired, ended = sparse_map.take_events()
    assert isinstance(retired, LandmarksRetired)
    assert len(retired.points_world) == len(retired.colors) == 10
    assert ended == SegmentEnded(3)
    assert len(sparse_map.snapshot().landmark_ids) == len(sparse_map.snapshot().T_world_keyframes) == 0


def test_an_observation_can_be_forgotten_and_takes_an_unsupported_landmark_with_it(
    sparse_map: SparseMap,
) -> None:
    add_keyframe(sparse_map, [0])
    seen = sparse_map.observations()
    bad = (seen.position == 0) & (seen.feature_index < 2)
    # Landmark 0 keeps two views, landmark 1 is left with one.
    sparse_map.remove_observations(Observations(*(column[bad] for column in seen)))
    check(sparse_map)
    assert sparse_map.landmarks.ids.tolist() == [0, *range(2, 10)]
    assert sparse_map.num_observations()[0] == 2
    assert 1 not in sparse_map.keyframes[1].landmark_ids
    events = sparse_map.take_events()
    assert not [event for event in events if isinstance(event, LandmarksRetired)], "it is no output"
    removed = [event for event in events if isinstance(event, LandmarksRemoved)]
    assert [event.ids.tolist() for event in removed] == [[1]]


def test_ids_are_never_used_again(sparse_map: SparseMap) -> None:
    sparse_map.remove_landmarks(np.ones(10, bool))
    sparse_map.add_landmarks(np.zeros((2, 3)), [(0, np.array([0, 1])), (1, np.array([0, 1]))])
    check(sparse_map)
    assert sparse_map.landmarks.ids.tolist() == [10, 11]


def test_a_snapshot_changes_nothing_so_that_two_readers_see_the_same(sparse_map: SparseMap) -> None:
    add_keyframe(sparse_map, [0, 1])
    first, second = sparse_map.snapshot(), sparse_map.snapshot()
    np.testing.assert_array_equal(first.landmark_ids, second.landmark_ids)
    np.testing.assert_array_equal(first.T_world_keyframes, second.T_world_keyframes)
    assert sparse_map.take_events(), "a snapshot takes no events away"


def test_snapshots_are_copies(sparse_map: SparseMap) -> None:
    snapshot = sparse_map.snapshot()
    snapshot.points_world[:] = 99.0
    assert (sparse_map.landmarks.points_world != 99.0).all()


def test_fused_landmarks_keep_all_views_and_one_id(sparse_map: SparseMap) -> None:
    add_keyframe(sparse_map, [0, 1, 2])
    sparse_map.add_landmarks(np.zeros((2, 3)), [(2, np.array([10, 11]))])  # ids 10, 11
    sparse_map.fuse(np.array([5, 2]), np.array([10, 11]))
    check(sparse_map)
    assert sparse_map.landmarks.ids.tolist() == list(range(10))
    newest = sparse_map.last_keyframe.landmark_ids
    assert newest[10] == 5, "the view of the second became a view of the first"
    assert newest[11] == NO_LANDMARK, "a keyframe that saw both keeps one observation"
    assert sparse_map.num_observations()[[5, 2]].tolist() == [3, 3]


def test_covisibility_counts_shared_landmarks(sparse_map: SparseMap) -> None:
    add_keyframe(sparse_map, [0, 1, 2])
    assert sparse_map.covisibility(2).tolist() == [3, 3, 0]
    assert sparse_map.covisibility(0).tolist() == [0, 10, 3]


def test_a_redundant_keyframe_leaves_before_the_oldest() -> None:
    result = SparseMap(0, max_keyframes=5, descriptor_size=4)
    add_keyframe(result)
    add_keyframe(result)
    result.add_landmarks(rng.normal(size=(10, 3)), [(0, np.arange(10)), (1, np.arange(10))])
    add_keyframe(result, range(10))
    add_keyframe(result, range(10))
    result.add_landmarks(rng.normal(size=(5, 3)), [(0, np.arange(10, 15)), (3, np.arange(10, 15))])
    check(result)
    second = result.keyframes[1].view.features
    add_keyframe(result, range(10))
    assert len(result.keyframes) == 5
    add_keyframe(result, range(10))
    assert all(keyframe.features is not second for keyframe in result.keyframes)
    assert len(result.landmarks) == 15, "the oldest stayed, and with it what only it and one other saw"


def test_what_frames_expected_and_found_is_counted(sparse_map: SparseMap) -> None:
    sparse_map.note_tracked(np.array([0, 1, 2]), np.array([2, 3]))
    check(sparse_map)
    assert sparse_map.landmarks.num_expected[:5].tolist() == [1, 1, 1, 1, 0]
    assert sparse_map.landmarks.num_found[:5].tolist() == [0, 0, 1, 1, 0]


def test_rows_and_membership_survive_gaps_in_the_ids(sparse_map: SparseMap) -> None:
    sparse_map.remove_landmarks(np.isin(sparse_map.landmarks.ids, [0, 4, 5]))
    check(sparse_map)
    ids = np.array([-1, 0, 1, 4, 6, 9, 10])
    known = sparse_map.landmarks.contains(ids)
    assert known.tolist() == [False, False, True, False, True, True, False]
    np.testing.assert_array_equal(sparse_map.landmarks.ids[sparse_map.landmarks.rows(ids[known])], ids[known])
