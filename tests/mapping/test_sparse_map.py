import numpy as np
import pytest

from vo_frontend.mapping.sparse_map import NO_LANDMARK, SparseMap
from vo_frontend.types import Features

rng = np.random.default_rng(0)


def add_keyframe(sparse_map, landmark_ids=None, num_features=20):
    descriptors = rng.normal(size=(num_features, 4)).astype(np.float32)
    features = Features(
        rng.uniform(0, 100, (num_features, 2)).astype(np.float32),
        descriptors,
        np.ones(num_features, np.float32),
    )
    ids = np.full(num_features, NO_LANDMARK, np.int64)
    if landmark_ids is not None:
        ids[: len(landmark_ids)] = landmark_ids
    colors = np.full((num_features, 3), 7, np.uint8)
    sparse_map.add_keyframe(len(sparse_map.keyframes), np.eye(4), features, colors, ids)
    sparse_map.check()


@pytest.fixture
def sparse_map():
    """Two keyframes that share landmarks 0..9."""
    result = SparseMap(3, max_keyframes=3, descriptor_size=4)
    add_keyframe(result)
    add_keyframe(result)
    result.add_landmarks(rng.normal(size=(10, 3)), [(0, np.arange(10)), (1, np.arange(5, 15))])
    result.check()
    return result


def test_new_landmarks_are_seen_where_they_were_matched(sparse_map):
    assert sparse_map.landmarks.ids.tolist() == list(range(10))
    assert sparse_map.num_observations().tolist() == [2] * 10
    assert sparse_map.keyframes[1].landmark_ids[5:15].tolist() == list(range(10))
    expected = sparse_map.keyframes[1].features.descriptors[5:15]
    np.testing.assert_array_equal(sparse_map.landmarks.descriptors, expected)


def test_a_later_view_renews_the_descriptor(sparse_map):
    add_keyframe(sparse_map, [4])
    newest = sparse_map.last_keyframe
    np.testing.assert_array_equal(sparse_map.landmarks.descriptors[4], newest.features.descriptors[0])
    assert sparse_map.num_observations()[4] == 3


def test_the_window_is_bounded_and_unseen_landmarks_retire_exactly_once(sparse_map):
    add_keyframe(sparse_map, [0, 1])
    add_keyframe(sparse_map, [0])  # the first of four leaves
    add_keyframe(sparse_map)  # the second leaves: landmarks 2..9 are seen by nobody now
    sparse_map.check()
    assert len(sparse_map.keyframes) == 3
    assert sparse_map.landmarks.ids.tolist() == [0, 1]
    snapshot = sparse_map.snapshot()
    assert (len(snapshot.landmark_ids), len(snapshot.retired_points_world)) == (2, 8)
    assert len(sparse_map.snapshot().retired_points_world) == 0


def test_giving_the_segment_up_retires_all(sparse_map):
    snapshot = sparse_map.snapshot(retire_all=True)
    assert len(snapshot.landmark_ids) == 0
    assert len(snapshot.retired_points_world) == len(snapshot.retired_colors) == 10


def test_an_observation_can_be_forgotten_and_takes_an_unsupported_landmark_with_it(sparse_map):
    add_keyframe(sparse_map, [0])
    bad = [np.zeros(20, bool) for _ in range(3)]
    bad[0][[0, 1]] = True  # landmark 0 keeps two views, landmark 1 is left with one
    sparse_map.remove_observations(bad)
    sparse_map.check()
    assert sparse_map.landmarks.ids.tolist() == [0, *range(2, 10)]
    assert sparse_map.num_observations()[0] == 2
    assert 1 not in sparse_map.keyframes[1].landmark_ids
    assert len(sparse_map.snapshot().retired_points_world) == 0, "a wrong landmark is no output"


def test_ids_are_never_used_again(sparse_map):
    sparse_map.remove_landmarks(np.ones(10, bool))
    sparse_map.add_landmarks(np.zeros((2, 3)), [(0, np.array([0, 1])), (1, np.array([0, 1]))])
    sparse_map.check()
    assert sparse_map.landmarks.ids.tolist() == [10, 11]


def test_snapshots_are_copies(sparse_map):
    snapshot = sparse_map.snapshot()
    snapshot.points_world[:] = 99.0
    assert (sparse_map.landmarks.points_world != 99.0).all()
