"""The archive: what comes back is what went in, moved, merged and thinned as it was told."""

import gc
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from atlas_inputs import SIZE, make_keyframe, make_landmarks, random_pose
from numpy.testing import assert_allclose, assert_array_equal

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.covisibility import covisibility_edges, redundant_keyframes
from vo_frontend.atlas.landmark_table import NO_FRAME
from vo_frontend.atlas.packed_keyframe import PackedKeyframe
from vo_frontend.config import AtlasConfig
from vo_frontend.errors import ConfigError, OutputError
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity

rng = np.random.default_rng(0)


def array(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


@pytest.fixture
def archive() -> Archive:
    return Archive(SIZE, AtlasConfig())


@pytest.mark.parametrize("has_depths", [False, True])
def test_a_keyframe_comes_back_as_it_went_but_for_rounding(archive: Archive, has_depths: bool) -> None:
    given = make_keyframe(5, [3, 4], has_depths=has_depths)
    place = rng.normal(size=16).astype(np.float32)
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


def test_merged_landmarks_make_keyframes_covisible(archive: Archive) -> None:
    archive.add(make_keyframe(1, [0, 1]), 0)
    archive.add(make_keyframe(2, [2, 3]), 0)
    assert archive.covisible(1).frame_indices.tolist() == []
    archive.merge(array(0, 1), array(2, 3))
    assert archive.covisible(1).num_shared.tolist() == [2]
    archive.remove(array(1))
    assert archive.covisible(2).num_shared.tolist() == [1]


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


@pytest.mark.parametrize("scales", [None, np.array([2.0, 0.5])])
def test_landmarks_stay_where_their_anchors_see_them(
    archive: Archive, scales: np.ndarray[tuple[int], np.dtype[np.float64]] | None
) -> None:
    for frame_index in (1, 2, 3):
        archive.add(make_keyframe(frame_index, [frame_index]), 0)
    archive.retire(make_landmarks([1, 2, 3], [1, 2, 3]))
    frames = array(2, 1)
    before, after = archive.T_world_cam(frames), np.array([random_pose(rng), random_pose(rng)])
    points = archive.retired(array(2, 1)).points_world
    archive.move(frames, after, scales)
    assert_array_equal(archive.T_world_cam(frames), after)
    for k, factor in enumerate((1.0, 1.0) if scales is None else scales):
        point_cam = factor * se3.transform_points(se3.inverse(before[k]), points[k : k + 1])
        found = archive.retired(frames[k : k + 1]).points_world
        assert_allclose(found, se3.transform_points(after[k], point_cam), atol=1e-9)
    assert_array_equal(archive.retired(array(3)).points_world, make_landmarks([3], [3]).points_world)


def test_a_keyframe_that_comes_again_takes_along_what_hangs_on_it(archive: Archive) -> None:
    keyframe = make_keyframe(1, [0])
    archive.add(keyframe, 0)
    archive.retire(make_landmarks([0], [1]))
    seen = se3.transform_points(se3.inverse(keyframe.T_world_cam), archive.retired(array(0)).points_world)
    moved = random_pose(rng)
    archive.add(type(keyframe)(keyframe.view, moved, keyframe.landmark_ids), 0)
    assert_allclose(archive.retired(array(0)).points_world, se3.transform_points(moved, seen), atol=1e-9)


def test_a_joined_segment_moves_as_one(archive: Archive) -> None:
    archive.add(make_keyframe(1, [0]), 0)
    archive.add(make_keyframe(2, [1]), 7)
    archive.retire(make_landmarks([0, 1], [1, 2]))
    poses, points = archive.T_world_cam(array(1, 2)), archive.retired(array(0, 1)).points_world
    similarity = Similarity(2.5, se3.so3_exp(rng.normal(size=3)), rng.normal(size=3))
    archive.join(7, 0, similarity)
    assert archive.segment_ids(array(1, 2)).tolist() == [0, 0]
    assert_array_equal(archive.T_world_cam(array(1)), poses[:1])
    assert_allclose(archive.T_world_cam(array(2)), similarity.transform_poses(poses[1:]))
    found = archive.retired(array(0, 1)).points_world
    assert_array_equal(found[:1], points[:1])
    assert_allclose(found[1:], similarity.transform_points(points[1:]))


def test_what_hung_on_a_forgotten_keyframe_finds_another(archive: Archive) -> None:
    for frame_index, ids, segment_id in ((1, [0], 0), (2, [0, 1, 2], 0), (3, [0, 3], 0), (4, [2], 1)):
        archive.add(make_keyframe(frame_index, ids), segment_id)
    archive.retire(make_landmarks([0, 1, 3], [2, 2, 3]))
    archive.forget(2)
    assert 2 not in archive
    assert archive.retired(array(0, 1, 3)).anchors.tolist() == [3, 1, 3], "by sight, then by time"
    assert archive.covisible(1).frame_indices.tolist() == [3]
    for frame_index in (1, 3, 4):
        archive.forget(frame_index)
    assert archive.retired(array(0, 1, 3)).anchors.tolist() == [NO_FRAME] * 3, "never in another segment"
    assert archive.landmark_ids().tolist() == [0, 1, 3]


def test_covisible_keyframes_come_best_first(archive: Archive) -> None:
    for frame_index, ids in ((1, [0, 1, 2]), (2, [2, 3]), (3, [0, 1, 9]), (4, [2, 5])):
        archive.add(make_keyframe(frame_index, ids), 0)
    found = archive.covisible(1)
    assert found.frame_indices.tolist() == [3, 2, 4]
    assert found.num_shared.tolist() == [2, 1, 1]
    assert archive.covisible(1, min_shared=2).frame_indices.tolist() == [3]
    assert archive.seeing(array(2, 2, 3, 777)).frame_indices.tolist() == [2, 1, 4]
    edges = covisibility_edges(archive)
    assert [tuple(row) for row in np.stack(edges, axis=1).tolist()] == [
        (1, 2, 1),
        (1, 3, 2),
        (1, 4, 1),
        (2, 4, 1),
    ]
    assert len(covisibility_edges(archive, min_shared=2).num_shared) == 1


def test_a_keyframe_is_redundant_while_three_that_stay_see_nearly_all_of_it(archive: Archive) -> None:
    for frame_index in range(5):
        archive.add(make_keyframe(frame_index, range(10)), 0)
    archive.add(make_keyframe(5, range(9, 19)), 0)
    assert redundant_keyframes(archive, archive.frame_indices()).tolist() == [0, 1]
    assert redundant_keyframes(archive, archive.frame_indices()[::-1]).tolist() == [4, 3]
    archive.add(make_keyframe(6, [*range(1, 10), 50]), 0)  # 9 of its 10 are seen by others
    assert 6 in redundant_keyframes(archive, array(6))
    archive.add(make_keyframe(6, [*range(2, 10), 50, 51]), 0)
    assert 6 not in redundant_keyframes(archive, array(6))


def test_beyond_the_budget_the_archive_answers_as_it_does_within() -> None:
    small, large = (Archive(SIZE, AtlasConfig(max_memory_mb=mb)) for mb in (1, 100))
    order = np.random.default_rng(1)
    sizes = [int(each) for each in order.integers(300, 3000, 120)]
    for frame_index, num_features in enumerate(sizes):
        keyframe = make_keyframe(frame_index, range(frame_index, frame_index + 5), num_features=num_features)
        for archive in (small, large):
            archive.add(keyframe, 0)
            if frame_index % 5 == 4:
                archive.forget(frame_index - 2)
    for frame_index in order.permutation(list(large)).tolist() * 2:
        found, expected = small.packed(frame_index), large.packed(frame_index)
        assert found.to_bytes() == expected.to_bytes()
        assert small.bytes_in_memory <= 10**6
        if frame_index % 3 == 0:
            again = make_keyframe(frame_index, [1], num_features=sizes[frame_index] // 2)
            small.add(again, 0)
            large.add(again, 0)
    assert large.bytes_in_memory > 10**6
    assert_array_equal(covisibility_edges(small), covisibility_edges(large))


def test_places_that_are_seen_again_and_again_cost_no_more_memory() -> None:
    """What is left of a keyframe that is replaced, forgotten or loses landmarks serves the next."""
    archive = Archive(SIZE, AtlasConfig(max_memory_mb=1))
    keyframes = [make_keyframe(number, range(number, number + 300), num_features=400) for number in range(30)]

    def go_round() -> int:
        for keyframe in keyframes:
            archive.add(keyframe, 0)
            archive.retire(make_landmarks(keyframe.landmark_ids[:5], [keyframe.view.frame_index] * 5))
        for frame_index in range(0, 30, 3):
            archive.forget(frame_index)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = [go_round() for _ in range(3)][-1]  # kernels are compiled in the first ones
        last = [go_round() for _ in range(8)][-1]
    finally:
        tracemalloc.stop()
    assert last - first < 0.3 * 30 * 300 * 12, "in eight rounds, a third of what one round of sightings takes"


def test_the_file_is_gone_with_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    archive = Archive(SIZE, AtlasConfig(max_memory_mb=1))
    for frame_index in range(40):
        archive.add(make_keyframe(frame_index, [], num_features=2000), 0)
    del archive
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_made_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    archive = Archive(SIZE, AtlasConfig(max_memory_mb=1))
    with pytest.raises(OutputError, match=r"missing: cannot write the keyframes .* atlas.max_memory_mb"):
        archive.add(make_keyframe(0, [], num_features=100_000), 0)


def test_a_budget_below_a_megabyte_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"atlas.max_memory_mb: got 0.5, expected 1"):
        AtlasConfig(max_memory_mb=0.5)


def test_ten_thousand_keyframes_find_their_neighbours_and_stay_within_the_budget() -> None:
    archive = Archive(SIZE, AtlasConfig(max_memory_mb=1))
    template = make_keyframe(0, [])
    for frame_index in range(10_000):
        ids = np.arange(frame_index * 3, frame_index * 3 + 12)
        view = type(template.view)(frame_index, frame_index, template.features, template.view.colors)
        archive.add(type(template)(view, template.T_world_cam, ids), 0)
    assert archive.bytes_in_memory <= 10**6
    assert archive.covisible(5000).num_shared.tolist() == [9, 9, 6, 6, 3, 3]
    edges = covisibility_edges(archive)
    assert len(edges.num_shared) == 9999 + 9998 + 9997
    assert set(edges.num_shared.tolist()) == {9, 6, 3}
    assert archive.keyframe(17).landmark_ids.tolist() == list(range(51, 63))
