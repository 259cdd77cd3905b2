import dataclasses

import numpy as np
import pytest
from viewer_projection import project

from vo_frontend.viewer.scene import SceneSnapshot
from vo_frontend.viewer.viewpoint import chase, overview


@pytest.mark.parametrize("seed", range(5))
def test_the_overview_shows_every_point_and_fills_the_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(200, 3)) * rng.uniform(1, 50, 3) + rng.uniform(-99, 99, 3)
    seen = project(overview(points, 16 / 9), points, 16 / 9)
    assert np.abs(seen).max() <= 1
    assert np.abs(seen).max() > 0.75


def test_the_overview_lays_a_straight_drive_across_the_picture_from_left_to_right() -> None:
    points = np.stack([np.zeros(50), np.zeros(50), np.arange(50.0)], axis=1)
    seen = project(overview(points, 16 / 9), points, 16 / 9)
    assert seen[0, 0] < -0.85
    assert seen[-1, 0] > 0.85


def test_the_overview_looks_from_above() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3))
    assert overview(points, 1.0).eye[1] < points[:, 1].min()


def test_the_overview_of_a_camera_that_never_moved_is_finite() -> None:
    assert np.isfinite(overview(np.zeros((3, 3)), 1.0).eye).all()


def test_the_chase_camera_is_behind_and_above_and_sees_the_camera(street: SceneSnapshot) -> None:
    view = chase(street)
    assert street.T_scene_cam is not None
    position = street.T_scene_cam[:3, 3]
    assert view.eye[2] < position[2]
    assert view.eye[1] < position[1]
    assert np.abs(project(view, position[None], 16 / 9)).max() < 1


def test_the_chase_camera_has_an_up_direction_when_the_camera_looks_down(street: SceneSnapshot) -> None:
    T_scene_cam = np.eye(4)
    T_scene_cam[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]  # z forward becomes y down
    view = chase(dataclasses.replace(street, T_scene_cam=T_scene_cam))
    assert np.linalg.norm(np.cross(view.target - view.eye, view.up)) > 0.1
