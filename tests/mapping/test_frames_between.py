"""Frames between keyframes: placed again where the landmarks that they saw turn out to be."""

import numpy as np
import pytest
from map_inputs import SIZE, pose
from numpy.typing import NDArray

from vo_frontend.config import Config
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import FramesMoved
from vo_frontend.mapping.frames_between import MAX_FRAMES, FramesBetween
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.types import Features

CAMERA = PinholeCamera(fx=400.0, fy=400.0, cx=320.0, cy=240.0, width=640, height=480)
NUM_POINTS = 60
STEP = 0.1  # of the camera, from frame to frame


def points() -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    return np.column_stack([rng.uniform(-2, 2, (NUM_POINTS, 2)), rng.uniform(4, 9, NUM_POINTS)])


def view_of(frame_index: int, T_world_cam: Transform) -> View:
    """What a camera sees of all points, exactly; the last feature is of none."""
    projected = CAMERA.project(se3.transform_points(se3.inverse(T_world_cam), points()))
    pixels = np.vstack([projected, [[5.0, 5.0]]]).astype(np.float32)
    descriptors = np.random.default_rng(frame_index).normal(size=(len(pixels), SIZE)).astype(np.float32)
    features = Features(pixels, descriptors, np.ones(len(pixels), np.float32))
    return View(frame_index, frame_index * 10**8, features, np.zeros((len(pixels), 3), np.uint8))


def ids() -> NDArray[np.int64]:
    return np.append(np.arange(NUM_POINTS), NO_LANDMARK)


def make_map(offset: NDArray[np.float64]) -> SparseMap:
    """Make a map of one keyframe whose landmarks are off by ``offset`` (NUM_POINTS, 3)."""
    sparse_map = SparseMap(0, max_keyframes=10, descriptor_size=SIZE)
    sparse_map.add_keyframe(view_of(0, pose(0)), pose(0), np.full(NUM_POINTS + 1, NO_LANDMARK))
    sparse_map.add_landmarks(points() + offset, [(0, np.arange(NUM_POINTS))])
    return sparse_map


def add_keyframe(sparse_map: SparseMap, frame_index: int) -> None:
    T_world_cam = pose(frame_index * STEP)
    sparse_map.add_keyframe(view_of(frame_index, T_world_cam), T_world_cam, ids())


def wrong(T_world_cam: Transform) -> Transform:
    """What a frame's pose was among landmarks that were off."""
    return T_world_cam @ se3.exp(np.array([0.05, -0.02, 0.03, 0.002, 0.004, -0.003]))


def moved_frames(sparse_map: SparseMap) -> list[FramesMoved]:
    return [event for event in sparse_map.take_events() if isinstance(event, FramesMoved)]


def settle(sparse_map: SparseMap, keyframe_pose: Transform) -> None:
    """Do what an adjustment does: the landmarks are right now, and the first keyframe is somewhere else."""
    poses = np.array([keyframe_pose, *(each.T_world_cam for each in sparse_map.keyframes[1:])])
    sparse_map.move(poses, se3.transform_points(keyframe_pose, points()))


def test_a_frame_is_placed_where_the_landmarks_put_it_once_they_are_right() -> None:
    sparse_map = make_map(np.random.default_rng(1).normal(0, 0.1, (NUM_POINTS, 3)))
    between = FramesBetween(CAMERA, Config())
    for index in (1, 2):
        T_world_cam = pose(index * STEP)
        between.add(view_of(index, T_world_cam), wrong(T_world_cam), ids(), sparse_map)
    add_keyframe(sparse_map, 3)
    T_now = se3.exp(np.array([3.0, 0, 1.0, 0, 0.3, 0]))  # a correction takes the map along
    settle(sparse_map, T_now)
    between.place_again(sparse_map)
    [event] = moved_frames(sparse_map)
    assert event.frame_indices.tolist() == [1, 2]
    expected = [T_now @ pose(STEP), T_now @ pose(2 * STEP)]
    np.testing.assert_allclose(event.T_world_cam, expected, atol=1e-5)


def test_a_frame_is_placed_once() -> None:
    sparse_map = make_map(np.zeros((NUM_POINTS, 3)))
    between = FramesBetween(CAMERA, Config())
    between.add(view_of(1, pose(STEP)), pose(STEP), ids(), sparse_map)
    add_keyframe(sparse_map, 2)
    between.place_again(sparse_map)
    assert len(moved_frames(sparse_map)) == 1
    add_keyframe(sparse_map, 3)
    between.place_again(sparse_map)
    assert moved_frames(sparse_map) == []


@pytest.mark.parametrize("num_left", [0, 5])
def test_a_frame_most_of_whose_landmarks_are_gone_stays_where_it_is(num_left: int) -> None:
    sparse_map = make_map(np.zeros((NUM_POINTS, 3)))
    between = FramesBetween(CAMERA, Config())
    between.add(view_of(1, pose(STEP)), pose(STEP), ids(), sparse_map)
    sparse_map.remove_landmarks(np.arange(NUM_POINTS) >= num_left)
    between.place_again(sparse_map)
    assert moved_frames(sparse_map) == []


@pytest.mark.parametrize(("segment_id", "keyframe_index"), [(1, 0), (0, 9)])
def test_frames_whose_segment_or_keyframe_was_given_up_stay(segment_id: int, keyframe_index: int) -> None:
    between = FramesBetween(CAMERA, Config())
    between.add(view_of(1, pose(STEP)), pose(STEP), ids(), make_map(np.zeros((NUM_POINTS, 3))))
    following = SparseMap(segment_id, max_keyframes=10, descriptor_size=SIZE)
    first = view_of(keyframe_index, pose(0))
    following.add_keyframe(first, pose(0), np.full(NUM_POINTS + 1, NO_LANDMARK))
    following.add_landmarks(points(), [(0, np.arange(NUM_POINTS))])
    between.place_again(following)
    assert moved_frames(following) == []


def test_a_camera_that_stands_still_takes_no_memory() -> None:
    sparse_map = make_map(np.zeros((NUM_POINTS, 3)))
    between = FramesBetween(CAMERA, Config())
    view = view_of(0, pose(0))
    for index in range(1, 100):
        between.add(View(index, index, view.features, view.colors), pose(0), ids(), sparse_map)
    assert len(between._sightings) == MAX_FRAMES
    between.place_again(sparse_map)
    [event] = moved_frames(sparse_map)
    assert event.frame_indices.tolist() == list(range(100 - MAX_FRAMES, 100))
