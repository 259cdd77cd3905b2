import dataclasses

import numpy as np
import pytest

from vo_frontend.viewer.scene import SceneSnapshot
from vo_frontend.viewer.viewpoint import Viewpoint, chase, overview, robust_box


def project(view: Viewpoint, points: np.ndarray, aspect: float) -> np.ndarray:
    """Picture coordinates (N, 2), x right and y up, in -1..1 where visible; NaN behind the eye."""
    forward = (view.target - view.eye) / np.linalg.norm(view.target - view.eye)
    right = np.cross(forward, view.up)
    right /= np.linalg.norm(right)
    offsets = points - view.eye
    depth = np.where(offsets @ forward > 0, offsets @ forward, np.nan)
    tangent = np.tan(np.deg2rad(view.vertical_fov_deg) / 2)
    x, y = offsets @ right / depth / tangent / aspect, offsets @ np.cross(right, forward) / depth / tangent
    return np.stack([x, y], axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_the_overview_shows_every_point_and_fills_the_picture(seed: int):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(200, 3)) * rng.uniform(1, 50, 3) + rng.uniform(-99, 99, 3)
    seen = project(overview(points, 16 / 9), points, 16 / 9)
    assert np.abs(seen).max() <= 1
    assert np.abs(seen).max() > 0.75


def test_the_overview_lays_a_straight_drive_across_the_picture_from_left_to_right():
    points = np.stack([np.zeros(50), np.zeros(50), np.arange(50.0)], axis=1)
    seen = project(overview(points, 16 / 9), points, 16 / 9)
    assert seen[0, 0] < -0.85
    assert seen[-1, 0] > 0.85


def test_the_overview_looks_from_above():
    points = np.random.default_rng(0).normal(size=(50, 3))
    assert overview(points, 1.0).eye[1] < points[:, 1].min()


def test_the_overview_of_a_camera_that_never_moved_is_finite():
    assert np.isfinite(overview(np.zeros((3, 3)), 1.0).eye).all()


def test_the_chase_camera_is_behind_and_above_and_sees_the_camera(street: SceneSnapshot):
    view = chase(street)
    position = street.T_scene_cam[:3, 3]
    assert view.eye[2] < position[2]
    assert view.eye[1] < position[1]
    assert np.abs(project(view, position[None], 16 / 9)).max() < 1


def test_the_chase_camera_has_an_up_direction_when_the_camera_looks_down(street: SceneSnapshot):
    T_scene_cam = np.eye(4)
    T_scene_cam[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]  # z forward becomes y down
    view = chase(dataclasses.replace(street, T_scene_cam=T_scene_cam))
    assert np.linalg.norm(np.cross(view.target - view.eye, view.up)) > 0.1


def test_few_far_points_do_not_enlarge_the_box():
    cloud = np.random.default_rng(0).uniform(-1, 1, (1000, 3))
    cloud[:20] = 1e4
    low, high = robust_box(cloud, np.zeros((1, 3)), share=0.9)
    assert np.all(low > -1.01)
    assert np.all(high < 1.01)


def test_the_trajectory_is_in_the_box_even_where_there_are_no_points():
    low, high = robust_box(np.zeros((500, 3)), np.array([[0, 0, 0], [0, 0, 90.0]]), share=0.9)
    assert high[2] == 90
    low, high = robust_box(np.empty((0, 3)), np.array([[0, 0, 0], [0, 0, 90.0]]), share=0.9)
    assert high[2] == 90
