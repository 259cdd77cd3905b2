"""Landmarks hang on keyframes: what moves, replaces or forgets the keyframe takes them along."""

import numpy as np
import pytest
from atlas_inputs import array, make_keyframe, make_landmarks, random_pose
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.landmark_table import NO_FRAME
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("scales", [None, np.array([2.0, 0.5])])
def test_landmarks_stay_where_their_anchors_see_them(
    archive: Archive, rng: np.random.Generator, scales: NDArray[np.float64] | None
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


def test_a_keyframe_that_comes_again_takes_along_what_hangs_on_it(
    archive: Archive, rng: np.random.Generator
) -> None:
    keyframe = make_keyframe(1, [0])
    archive.add(keyframe, 0)
    archive.retire(make_landmarks([0], [1]))
    seen = se3.transform_points(se3.inverse(keyframe.T_world_cam), archive.retired(array(0)).points_world)
    moved = random_pose(rng)
    archive.add(type(keyframe)(keyframe.view, moved, keyframe.landmark_ids), 0)
    assert_allclose(archive.retired(array(0)).points_world, se3.transform_points(moved, seen), atol=1e-9)


def test_a_joined_segment_moves_as_one(archive: Archive, rng: np.random.Generator) -> None:
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
