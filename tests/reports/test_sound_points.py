"""Which landmarks are worth showing."""

import numpy as np

from vo_frontend.mapping.landmark_record import LandmarkCloud
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.reports.sound_points import MAX_CAMERAS, distances_from_path, sound_points


def walk(*segment_ids: int) -> EstimatedTrajectory:
    """Ten poses along z for each segment, one unit apart."""
    n = 10 * len(segment_ids)
    T_world_cam = np.tile(np.eye(4), (n, 1, 1))
    T_world_cam[:, 2, 3] = np.tile(np.arange(10), len(segment_ids))
    return EstimatedTrajectory(np.arange(n), np.arange(n), np.repeat(segment_ids, 10), T_world_cam)


def beside(distances: list[float], num_views: int = 5, segment_id: int = 0) -> LandmarkCloud:
    """Landmarks at given distances from the middle of the walk."""
    points = np.array([[distance, 0, 5] for distance in distances], np.float32)
    n = len(points)
    views = np.full(n, num_views, np.uint8)
    return LandmarkCloud(points, np.zeros((n, 3), np.uint8), np.full(n, segment_id), views)


def test_landmarks_that_one_frame_alone_found_are_left_out() -> None:
    assert sound_points(beside([1.0, 2.0], num_views=2), walk(0)).all()
    assert not sound_points(beside([1.0, 2.0], num_views=1), walk(0)).any()


def test_landmarks_far_beyond_the_usual_distance_are_left_out() -> None:
    assert sound_points(beside([1.0] * 10 + [7.9, 8.1]), walk(0)).tolist() == [True] * 11 + [False]


def test_each_segment_is_measured_by_its_own_scale() -> None:
    near, far = beside([0.1] * 10 + [0.9], segment_id=0), beside([10.0] * 10 + [70.0], segment_id=1)
    both = LandmarkCloud(
        np.concatenate([near.points_world, far.points_world]),
        np.concatenate([near.colors, far.colors]),
        np.concatenate([near.segment_ids, far.segment_ids]),
        np.concatenate([near.num_views, far.num_views]),
    )
    assert np.flatnonzero(~sound_points(both, walk(0, 1))).tolist() == [10]


def test_distances_are_those_to_the_nearest_camera() -> None:
    rng = np.random.default_rng(0)
    points, cameras = rng.normal(size=(300, 3)).astype(np.float32), rng.normal(size=(MAX_CAMERAS, 3))
    slow = np.linalg.norm(points[:, None] - cameras, axis=2).min(axis=1)
    np.testing.assert_allclose(distances_from_path(points, cameras), slow, atol=1e-6)


def test_an_empty_map_stays_empty() -> None:
    assert len(sound_points(beside([]), walk(0))) == 0
