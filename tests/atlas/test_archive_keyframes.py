"""Keyframes in the archive: what comes back is what went in, in time order."""

import numpy as np
import pytest
from atlas_inputs import SIZE, array, make_keyframe
from numpy.testing import assert_allclose, assert_array_equal

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.packed_keyframe import PackedKeyframe


@pytest.mark.parametrize("has_depths", [False, True])
def test_a_keyframe_comes_back_as_it_went_but_for_rounding(archive: Archive, has_depths: bool) -> None:
    given = make_keyframe(5, [3, 4], has_depths=has_depths)
    place = np.random.default_rng(0).normal(size=16).astype(np.float32)
    archive.add(given, 2, place)
    found = archive.keyframe(5)
    assert (found.view.frame_index, found.view.timestamp_ns) == (5, 5 * 10**8)
    assert_array_equal(found.T_world_cam, given.T_world_cam)
    assert_array_equal(found.landmark_ids, given.landmark_ids)
    assert_array_equal(found.features.pixels, given.features.pixels)
    assert_array_equal(found.view.colors, given.view.colors)
    assert_allclose(np.linalg.norm(found.features.descriptors, axis=1), 1, atol=1e-6)
    assert_allclose(found.features.descriptors, given.features.descriptors, atol=1 / 127)
    assert_allclose(found.features.scores, given.features.scores, rtol=1e-3)
    assert (np.diff(found.features.scores) <= 0).all(), "best first"
    if given.view.depths is None:
        assert found.view.depths is None
    else:
        assert found.view.depths is not None
        expected = given.view.depths
        assert_allclose(found.view.depths.inverse_depth_per_m, expected.inverse_depth_per_m, rtol=1e-6)
        assert_allclose(found.view.depths.sigma_per_m, expected.sigma_per_m, rtol=1e-3)
    assert_array_equal(archive.place(5), place)
    assert archive.segment_ids(array(5)).tolist() == [2]


def test_descriptors_of_signs_come_back_exactly(archive: Archive) -> None:
    keyframe = make_keyframe(0, [])
    signs = np.sign(keyframe.features.descriptors)
    keyframe.features.descriptors[:] = signs / np.sqrt(SIZE)
    archive.add(keyframe, 0)
    assert_allclose(archive.keyframe(0).features.descriptors, keyframe.features.descriptors, rtol=1e-6)


def test_a_descriptor_of_nothing_stays_nothing(archive: Archive) -> None:
    keyframe = make_keyframe(0, [])
    keyframe.features.descriptors[3] = 0
    archive.add(keyframe, 0)
    assert not archive.keyframe(0).features.descriptors[3].any()


def test_a_thousand_points_take_less_than_90_kb() -> None:
    keyframe = make_keyframe(0, np.arange(1000), num_features=1000, size=64, has_depths=True)
    packed = PackedKeyframe.of(keyframe, np.zeros(256, np.float32)).to_bytes()
    assert 88_000 < len(packed) <= 90_000


def test_a_tiny_deviation_never_becomes_zero(archive: Archive) -> None:
    keyframe = make_keyframe(0, [], has_depths=True)
    assert keyframe.view.depths is not None
    keyframe.view.depths.sigma_per_m[:] = 1e-12
    archive.add(keyframe, 0)
    depths = archive.keyframe(0).view.depths
    assert depths is not None
    assert (depths.sigma_per_m > 0).all()


def test_a_keyframe_without_features_is_kept_too(archive: Archive) -> None:
    archive.add(make_keyframe(0, [], num_features=0, has_depths=True), 0)
    assert len(archive.keyframe(0).features) == 0
    assert archive.covisible(0).frame_indices.tolist() == []


def test_descriptors_of_another_size_are_refused(archive: Archive) -> None:
    with pytest.raises(ValueError, match="frame 0: descriptors of 9 numbers, not 8"):
        archive.add(make_keyframe(0, [], size=9), 0)


def test_keyframes_stand_in_time_order_those_of_earlier_sessions_first(archive: Archive) -> None:
    for frame_index in (7, -1, 3, -20):
        archive.add(make_keyframe(frame_index, []), 0)
    assert list(archive) == archive.frame_indices().tolist() == [-20, -1, 3, 7]
    assert len(archive) == 4
    assert 3 in archive
    assert 4 not in archive
    with pytest.raises(ValueError, match="frame 4 is no keyframe of the archive"):
        archive.keyframe(4)


def test_a_keyframe_that_comes_again_replaces_the_older(archive: Archive) -> None:
    archive.add(make_keyframe(1, [0, 1]), 0)
    archive.add(make_keyframe(2, [0, 1, 2]), 0)
    again = make_keyframe(2, [1])
    archive.add(again, 0)
    assert len(archive) == 2
    assert_array_equal(archive.keyframe(2).landmark_ids, again.landmark_ids)
    assert archive.covisible(1).num_shared.tolist() == [1]
