import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.training.data.depth_crops import resize_view
from vo_frontend.training.data.depth_warp import Agreement, DepthView, warp_by_depth, warp_views

CAMERA = PinholeCamera(100.0, 100.0, 47.5, 31.5, 96, 64)
COLUMNS = np.arange(CAMERA.width)
IDENTITY = np.eye(4)
RIGHT_HALF_A_METRE = se3.exp(np.array([0.5, 0, 0, 0, 0, 0]))
ANY_IMAGE = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)


def view(
    depth: NDArray[np.float64], T_world_cam: Transform = IDENTITY, camera: PinholeCamera = CAMERA
) -> DepthView:
    return DepthView(np.zeros((*depth.shape, 3), np.uint8), depth.astype(np.float32), camera, T_world_cam)


def wall_with_post(first_column: int) -> NDArray[np.float64]:
    """A wall at 10 m, 5 px of disparity for half a metre; 20 columns of a post at 5 m, 10 px."""
    depth = np.full((CAMERA.height, CAMERA.width), 10.0)
    depth[:, first_column : first_column + 20] = 5.0
    return depth


@pytest.fixture
def two_planes() -> tuple[DepthView, DepthView]:
    return view(wall_with_post(40), np.eye(4)), view(wall_with_post(30), RIGHT_HALF_A_METRE)


def test_a_pixel_moves_by_focal_length_times_baseline_over_depth(
    two_planes: tuple[DepthView, DepthView],
) -> None:
    warp = warp_views(*two_planes, Agreement())
    disparity = np.where((COLUMNS >= 40) & (COLUMNS < 60), 10.0, 5.0)
    np.testing.assert_allclose(warp.warp01[20, :, 0], COLUMNS - disparity, atol=1e-4)
    np.testing.assert_allclose(warp.warp01[20, :, 1], 20.0, atol=1e-4)
    np.testing.assert_allclose(warp.warp10[20, 35], [45.0, 20.0], atol=1e-4)


def test_what_the_post_hides_and_what_leaves_the_image_is_not_covisible(
    two_planes: tuple[DepthView, DepthView],
) -> None:
    warp = warp_views(*two_planes, Agreement())
    beyond_the_border, behind_the_post = COLUMNS < 5, (COLUMNS >= 35) & (COLUMNS < 40)
    assert (warp.covisible01 == ~(beyond_the_border | behind_the_post)).all()
    # Seen from camera 1 the post hides what lies to its right.
    beyond_the_border, behind_the_post = COLUMNS > 90, (COLUMNS >= 50) & (COLUMNS < 55)
    assert (warp.covisible10 == ~(beyond_the_border | behind_the_post)).all()


def test_unknown_depth_gives_no_warp_and_confirms_none(two_planes: tuple[DepthView, DepthView]) -> None:
    view0, view1 = two_planes
    view0.depth[3, 70] = np.nan
    view1.depth[8, 65] = np.nan
    warp = warp_views(view0, view1, Agreement())
    assert np.isnan(warp.warp01[3, 70]).all()
    assert not warp.covisible01[3, 70]
    assert np.isfinite(warp.warp01[8, 70]).all()
    assert not warp.covisible01[8, 70]


def test_points_behind_the_other_camera_have_no_warp() -> None:
    depth = np.full((64, 96), 2.0)
    ahead = se3.exp(np.array([0, 0, 3.0, 0, 0, 0]))
    warp01, covisible01 = warp_by_depth(view(depth), view(depth), se3.inverse(ahead), Agreement())
    assert np.isnan(warp01).all()
    assert not covisible01.any()


def test_depth_that_bends_the_round_trip_is_not_covisible() -> None:
    view0, view1 = view(np.full((64, 96), 10.0), np.eye(4)), view(np.full((64, 96), 9.0), RIGHT_HALF_A_METRE)
    # 10 % of 5 px of disparity; a pixel of view 0 comes back 0.56 px away.
    assert warp_views(view0, view1, Agreement(0.2, 0.6)).covisible01[:, 10:].all()
    assert not warp_views(view0, view1, Agreement(0.2, 0.5)).covisible01.any()
    assert not warp_views(view0, view1, Agreement(0.05, 0.6)).covisible01.any()


def test_a_slanted_plane_is_covisible_everywhere_because_inverse_depth_is_blended() -> None:
    rays = CAMERA.rays(np.stack(np.meshgrid(COLUMNS, np.arange(64)), -1).reshape(-1, 2).astype(np.float64))
    ground = np.array([0.0, 0.9, 0.2])  # points with ground . p = 1 m, up to 20 m away

    def depth_from(T_world_cam: Transform) -> NDArray[np.float64]:
        normal = T_world_cam[:3, :3].T @ ground
        offset = 1.0 - ground @ T_world_cam[:3, 3]
        return (offset / (np.column_stack([rays, np.ones(len(rays))]) @ normal)).reshape(64, 96)

    T_world_1 = se3.exp(np.array([0.05, 0.02, 0.1, 0.01, 0.02, -0.05]))
    view0, view1 = view(depth_from(np.eye(4)), np.eye(4)), view(depth_from(T_world_1), T_world_1)
    assert (view0.depth > 0).mean() > 0.6
    warp = warp_views(view0, view1, Agreement(1e-5, 1e-3))
    x, y = warp.warp01[..., 0], warp.warp01[..., 1]
    with np.errstate(invalid="ignore"):
        in_image = (x >= 0) & (x <= 95) & (y >= 0) & (y <= 63)
    seen = np.zeros_like(in_image)
    u, v = np.floor(x[in_image]).astype(int).clip(max=94), np.floor(y[in_image]).astype(int).clip(max=62)
    # Of the four pixels around the point none may look above the horizon.
    seen[in_image] = np.min([view1.depth[v + j, u + i] for i in (0, 1) for j in (0, 1)], axis=0) > 0
    assert seen.sum() > 1000
    assert warp.covisible01[seen].mean() > 0.999


def test_the_kernel_agrees_with_its_slow_twin() -> None:
    rng = np.random.default_rng(0)
    other = PinholeCamera(80.0, 90.0, 40.0, 30.0, 80, 60)
    T_1_0 = se3.exp(np.array([0.3, -0.1, 0.2, 0.02, 0.1, -0.05]))
    depth0 = rng.uniform(3.0, 5.0, (64, 96))
    depth1 = rng.uniform(3.0, 5.0, (60, 80))
    depth0[rng.random(depth0.shape) < 0.1] = np.nan
    view0, view1 = view(depth0), view(depth1, camera=other)
    warp, covisible = warp_by_depth(view0, view1, T_1_0, Agreement(0.3, 8.0))
    expected_warp, expected_covisible = slow_warp(view0, view1, T_1_0, 0.3, 8.0)
    np.testing.assert_allclose(warp, expected_warp, atol=1e-3)
    assert (covisible == expected_covisible).mean() > 0.999  # a test at its limit may go either way
    assert 0.2 < covisible.mean() < 0.8


def slow_warp(
    view0: DepthView, view1: DepthView, T_1_0: Transform, max_ratio: float, max_px: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    height, width = view0.depth.shape
    warp, covisible = np.full((height, width, 2), np.nan), np.zeros((height, width), bool)
    for y, x in np.ndindex(height, width):
        ray = np.array([*view0.camera.rays(np.array([[x, y]]))[0], 1.0])
        point1 = se3.transform_points(T_1_0, view0.depth[y, x] * ray[None])
        warp[y, x] = pixel1 = view1.camera.project(point1)[0]
        if not view1.camera.contains(pixel1[None])[0]:
            continue
        low = np.minimum(pixel1.astype(int), [view1.camera.width - 2, view1.camera.height - 2])
        (u, v), (right, below) = low, pixel1 - low
        weights = np.outer([1 - below, below], [1 - right, right])
        depth1 = 1.0 / (weights / view1.depth[v : v + 2, u : u + 2]).sum()
        ray1 = np.array([*view1.camera.rays(pixel1[None])[0], 1.0])
        back = view0.camera.project(se3.transform_points(se3.inverse(T_1_0), depth1 * ray1[None]))[0]
        z1 = point1[0, 2]
        covisible[y, x] = abs(depth1 - z1) <= max_ratio * z1 and np.linalg.norm(back - (x, y)) <= max_px
    return warp, covisible


@pytest.mark.parametrize("scale", [0.5, 0.73, 1.6])
def test_a_resized_view_projects_points_to_the_resized_pixels(scale: float) -> None:
    depth = np.full((64, 96), 4.0)
    resized = resize_view(view(depth), scale)
    assert resized.image.shape[:2] == resized.depth.shape
    point = np.array([[0.4, -0.2, 4.0]])
    ratio = np.array([resized.camera.width / 96, resized.camera.height / 64])
    expected = (CAMERA.project(point)[0] + 0.5) * ratio - 0.5
    np.testing.assert_allclose(resized.camera.project(point)[0], expected, atol=1e-9)


def test_a_view_needs_image_and_depth_of_the_cameras_size() -> None:
    with pytest.raises(ValueError, match="DepthView needs"):
        DepthView(ANY_IMAGE[1:], np.ones((64, 96), np.float32), CAMERA, np.eye(4))
