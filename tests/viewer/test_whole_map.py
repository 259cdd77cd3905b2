import dataclasses

import numpy as np
from viewer_projection import project

from vo_frontend.viewer.scene import SceneSnapshot
from vo_frontend.viewer.whole_map import box_around_most, frame_whole_map

ORIGIN = np.zeros((1, 3), np.float32)
DRIVE = np.array([[0, 0, 0], [0, 0, 90]], np.float32)


def test_few_far_points_do_not_enlarge_the_box() -> None:
    cloud = np.random.default_rng(0).uniform(-1, 1, (1000, 3)).astype(np.float32)
    cloud[:20] = 1e4
    low, high = box_around_most(cloud, ORIGIN, share=0.9, reach=1e6)
    assert np.all(low > -1.01)
    assert np.all(high < 1.01)


def test_many_points_ahead_of_the_camera_enlarge_the_box_by_the_reach_only() -> None:
    cloud = np.random.default_rng(0).uniform([-1, -1, 90], [1, 1, 500], (1000, 3)).astype(np.float32)
    low, high = box_around_most(cloud, DRIVE, share=0.9, reach=10)
    assert low[2] == 0
    assert high[2] == 100


def test_the_paths_are_in_the_box_even_where_there_are_no_points() -> None:
    for cloud in (np.zeros((500, 3), np.float32), np.empty((0, 3), np.float32)):
        low, high = box_around_most(cloud, DRIVE, share=0.9, reach=1)
        assert low[2] == 0
        assert high[2] == 90


def test_the_whole_shows_every_path_and_leaves_out_landmarks_at_the_horizon(street: SceneSnapshot) -> None:
    far = np.array([[0, 0, 1e5]], np.float32)
    points = np.concatenate([street.active_points, far])
    colors = np.concatenate([street.active_colors, np.zeros((1, 3), np.uint8)])
    snapshot = dataclasses.replace(street, active_points=points, active_colors=colors)
    framed, view = frame_whole_map(snapshot, 16 / 9)
    assert len(framed.active_points) == len(framed.active_colors)
    assert framed.active_points[:, 2].max() < 200
    paths = np.concatenate([*street.trajectories, street.ground_truth])
    seen = project(view, paths, 16 / 9)
    assert np.abs(seen).max() <= 1
    assert np.ptp(seen[:, 0]) > 1  # they take more than half of the width
