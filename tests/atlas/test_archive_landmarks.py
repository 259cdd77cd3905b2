"""Landmarks in the archive: what retires is found, and merged or removed ones are gone for every keyframe."""

import pytest
from atlas_inputs import array, make_keyframe, make_landmarks
from numpy.testing import assert_allclose, assert_array_equal

from vo_frontend.atlas.archive import Archive


def test_a_chain_of_merges_ends_at_the_last_heir(archive: Archive) -> None:
    archive.add(make_keyframe(1, [0, 1, 2, 3]), 0)
    archive.merge(array(1), array(0))
    archive.merge(array(2, 4), array(1, 2))
    archive.remove(array(3))
    assert archive.resolve(array(0, 1, 2, 3, 4, 99, -1)).tolist() == [4, 4, 4, -1, 4, 99, -1]
    # Three features see landmark 4 now; none of them always did, so the first keeps it.
    assert archive.keyframe(1).landmark_ids[:4].tolist() == [4, -1, -1, -1]
    assert archive.landmarks_seen(1).tolist() == [4]


def test_a_view_that_saw_both_keeps_its_observation_of_the_heir(archive: Archive) -> None:
    archive.add(make_keyframe(1, [5, 6]), 0)
    archive.merge(array(6), array(5))
    assert archive.keyframe(1).landmark_ids[:2].tolist() == [-1, 6]


def test_merging_in_a_circle_changes_nothing_the_second_time(archive: Archive) -> None:
    archive.merge(array(0, 1), array(1, 0))
    assert archive.resolve(array(0, 1)).tolist() == [0, 0]


def test_what_is_merged_into_a_removed_landmark_is_removed(archive: Archive) -> None:
    archive.add(make_keyframe(1, [0, 1]), 0)
    archive.remove(array(0))
    archive.merge(array(0), array(1))
    assert archive.resolve(array(0, 1)).tolist() == [-1, -1]
    assert archive.landmarks_seen(1).tolist() == []


def test_retired_landmarks_have_the_descriptor_of_the_newest_keyframe(archive: Archive) -> None:
    older, newer = make_keyframe(1, [0, 1, 2]), make_keyframe(2, [9, 1, 0])
    archive.add(newer, 0)
    archive.add(older, 0)
    archive.retire(make_landmarks([0, 1, 2], [1, 1, 2]))
    assert archive.contains(array(-1, 0, 2, 3, 9, 10**6)).tolist() == [False, True, True, False, False, False]
    found = archive.landmarks(array(0, 1, 2))
    expected = make_landmarks([0, 1, 2], [1, 1, 2])
    assert_array_equal(found.points_world, expected.points_world)
    assert_array_equal(found.colors, expected.colors)
    assert_array_equal(found.num_expected, expected.num_expected)
    assert_array_equal(found.num_found, expected.num_found)
    descriptors = [
        newer.features.descriptors[2],
        newer.features.descriptors[1],
        older.features.descriptors[2],
    ]
    assert_allclose(found.descriptors, descriptors, atol=1 / 127)
    assert archive.retired(array(0, 2)).anchors.tolist() == [1, 2]
    with pytest.raises(ValueError, match="landmarks: 9 is not in the archive"):
        archive.landmarks(array(0, 9))
    archive.forget(1)
    with pytest.raises(ValueError, match="no keyframe sees landmark 2"):
        archive.landmarks(array(0, 2))


def test_a_landmark_needs_an_anchor_and_must_be_its_own_heir(archive: Archive) -> None:
    archive.add(make_keyframe(1, [0]), 0)
    with pytest.raises(ValueError, match="frame 8 is no keyframe"):
        archive.retire(make_landmarks([0], [8]))
    archive.merge(array(1), array(0))
    with pytest.raises(ValueError, match="merged or removed before"):
        archive.retire(make_landmarks([0], [1]))


def test_a_merged_or_removed_landmark_is_no_longer_here(archive: Archive) -> None:
    archive.add(make_keyframe(1, [0, 1, 2]), 0)
    archive.retire(make_landmarks([0, 1, 2], [1, 1, 1]))
    archive.merge(array(0), array(1))
    archive.remove(array(2))
    assert archive.landmark_ids().tolist() == [0]
