"""Pictures, depth and poses of the built-in street belong together."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.simulation.street.path import CAMERA_HEIGHT_M, drive
from vo_frontend.simulation.street.renderer import Street, load_street
from vo_frontend.simulation.street.source import BASELINE_M, street_camera


@pytest.fixture(scope="module")
def street() -> Street:
    return load_street(seed=0)


@pytest.fixture(scope="module")
def poses() -> NDArray[np.float64]:
    return drive(seed=0, num_frames=300)


def warp_errors(
    street: Street, camera: PinholeCamera, T_world_a: Transform, T_world_b: Transform, shift_px: float = 0.0
) -> tuple[NDArray[np.float64], float]:
    """Grey-level differences between picture b and picture a moved into b, where a point is seen in both."""
    image_a, depth_a_m = street.render(T_world_a, camera)
    image_b, depth_b_m = street.render(T_world_b, camera)
    grid = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1).reshape(-1, 2)
    z = depth_a_m.reshape(-1, 1).astype(float)
    points_a = np.column_stack([camera.rays(grid.astype(np.float64)), np.ones(len(grid))]) * z
    points_b = se3.transform_points(se3.inverse(T_world_b) @ T_world_a, points_a)
    pixels_b = camera.project(points_b) + shift_px
    inside = camera.contains(pixels_b, margin_px=2.0)
    at = np.where(inside[:, None], pixels_b, 0.0).astype(np.float32).reshape(*depth_a_m.shape, 2)
    gray_a, gray_b = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (image_a, image_b))
    seen_gray = cv2.remap(gray_b.astype(np.float32), at, None, cv2.INTER_LINEAR).reshape(-1)
    seen_z = cv2.remap(depth_b_m, at, None, cv2.INTER_LINEAR).reshape(-1)
    visible = inside & (np.abs(seen_z - points_b[:, 2]) < 0.01 * points_b[:, 2])
    errors = np.abs(seen_gray - gray_a.reshape(-1))[visible]
    return errors, len(errors) / len(grid)


@pytest.mark.parametrize("frame", [0, 40, 62, 150, 230])
def test_a_frame_warped_by_depth_and_pose_gives_the_next(
    street: Street, poses: NDArray[np.float64], frame: int
) -> None:
    camera = street_camera()
    errors, share = warp_errors(street, camera, poses[frame], poses[frame + 1])
    assert share > 0.4
    assert np.median(errors) < 3.0
    shifted, _ = warp_errors(street, camera, poses[frame], poses[frame + 1], shift_px=0.5)
    assert np.mean(shifted) > 1.25 * np.mean(errors)  # half a pixel would show


def test_the_road_lies_one_camera_height_below(street: Street) -> None:
    camera = street_camera()
    _, depth_m = street.render(np.eye(4), camera)
    rows = np.arange(400, 480, 8)
    expected_m = camera.fy * CAMERA_HEIGHT_M / (rows - camera.cy)
    # the centre line is painted 1 cm above the road
    np.testing.assert_allclose(depth_m[rows, 320], expected_m, rtol=0.007)


def test_disparity_is_focal_length_times_baseline_over_depth(
    street: Street, poses: NDArray[np.float64]
) -> None:
    camera = street_camera()
    T_left_right = np.eye(4)
    T_left_right[0, 3] = BASELINE_M
    errors, share = warp_errors(street, camera, poses[30], poses[30] @ T_left_right)
    assert share > 0.5
    assert np.median(errors) < 3.0
    _, depth_left_m = street.render(poses[30], camera)
    _, depth_right_m = street.render(poses[30] @ T_left_right, camera)
    columns = np.arange(100, 600)
    disparity_px = camera.fx * BASELINE_M / depth_left_m[420, columns]
    right = np.interp(columns - disparity_px, np.arange(640), depth_right_m[420])
    assert np.median(np.abs(right / depth_left_m[420, columns] - 1.0)) < 1e-3


def test_pictures_do_not_depend_on_threads_or_on_earlier_pictures(
    street: Street, poses: NDArray[np.float64]
) -> None:
    camera = street_camera(322, 245)
    first = street.render_colors(poses[20], camera, num_threads=3)
    street.render(poses[100], street_camera(128, 96))
    alone = Street(seed=0).render_colors(poses[20], camera, num_threads=1)
    np.testing.assert_array_equal(first[0], alone[0])
    np.testing.assert_array_equal(first[1], alone[1])


@pytest.mark.parametrize("size", [(321, 241), (65, 97), (64, 64)])
def test_odd_sizes_show_the_same_scene(
    street: Street, poses: NDArray[np.float64], size: tuple[int, int]
) -> None:
    camera = street_camera(*size)
    image, depth_m = street.render(poses[70], camera)
    assert image.shape == (size[1], size[0], 3)
    assert depth_m.shape == (size[1], size[0])
    assert image.std() > 20
    assert np.isfinite(depth_m).mean() > 0.9


def test_any_camera_renders_the_same_depth_along_the_same_ray(
    street: Street, poses: NDArray[np.float64]
) -> None:
    wide = street_camera()
    tele = PinholeCamera(4 * wide.fx, 4 * wide.fy, 20.0, 30.0, 80, 120)
    _, depth_wide_m = street.render(poses[5], wide)
    _, depth_tele_m = street.render(poses[5], tele)
    ray = wide.rays(np.array([[330, 260]]))[0]
    x, y = np.round(ray * (tele.fx, tele.fy) + (tele.cx, tele.cy)).astype(int)
    assert depth_tele_m[y, x] == pytest.approx(depth_wide_m[260, 330], rel=1e-6)


def test_seeds_give_different_streets(street: Street) -> None:
    other = Street(seed=1)
    camera = street_camera(160, 120)
    image, _ = street.render(np.eye(4), camera)
    other_image, _ = other.render(np.eye(4), camera)
    assert np.abs(image.astype(int) - other_image).mean() > 10
