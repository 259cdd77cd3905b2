import numpy as np
import pytest
from numpy.typing import NDArray
from world import CAMERA, make_world, sideways

from vo_frontend.config import RansacConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.tracking.robust import OpenCvEstimator, Pixels, PoselibEstimator, RobustEstimator

RANSAC = RansacConfig(max_iterations=2000)
T_WORLD_CAM1 = se3.exp(np.array([0.8, 0.1, 0.3, 0.02, -0.05, 0.03]))


@pytest.fixture(params=[PoselibEstimator, OpenCvEstimator])
def estimator(request: pytest.FixtureRequest) -> RobustEstimator:
    make: type[PoselibEstimator | OpenCvEstimator] = request.param
    return make(CAMERA, RANSAC, seed=0)


def two_views(
    *, planar: bool = False, T_world_cam1: Transform = T_WORLD_CAM1
) -> tuple[Pixels, Pixels, NDArray[np.int64], int]:
    """Pixels (N, 2) in both views, the points (N,), and from which on the second view is wrong by far."""
    world = make_world(planar=planar)
    pixels0, index0 = world.visible(np.eye(4))
    pixels1, index1 = world.visible(T_world_cam1)
    common, in0, in1 = np.intersect1d(index0, index1, return_indices=True)
    rng = np.random.default_rng(0)
    pixels0, pixels1 = pixels0[in0], pixels1[in1] + 0.2 * rng.normal(size=(len(in1), 2))
    wrong = len(common) * 2 // 3
    pixels1[wrong:] += rng.uniform(20, 60, size=(len(common) - wrong, 2))
    return pixels0, pixels1, common, wrong


def assert_close(
    T_a_b: Transform, T_a_b_expected: Transform, rotation_deg: float, direction_deg: float
) -> None:
    angle_rad = se3.rotation_angle_rad(T_a_b[:3, :3].T @ T_a_b_expected[:3, :3])
    assert np.rad2deg(angle_rad) < rotation_deg
    a, b = T_a_b[:3, 3], T_a_b_expected[:3, 3]
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert np.rad2deg(np.arccos(min(cosine, 1.0))) < direction_deg


def test_relative_pose_survives_a_third_of_wrong_matches(estimator: RobustEstimator) -> None:
    pixels0, pixels1, _, wrong = two_views()
    found = estimator.relative_pose(pixels0, pixels1)
    assert found is not None
    assert_close(found.T_cam0_cam1, T_WORLD_CAM1, rotation_deg=0.2, direction_deg=1.5)
    assert np.linalg.norm(found.T_cam0_cam1[:3, 3]) == pytest.approx(1.0)
    assert found.inliers[:wrong].mean() > 0.95
    assert found.inliers[wrong:].mean() < 0.1


def test_absolute_pose_survives_a_third_of_wrong_matches(estimator: RobustEstimator) -> None:
    world = make_world()
    _, pixels1, common, wrong = two_views()
    found = estimator.absolute_pose(pixels1, world.points_world[common], None)
    assert found is not None
    assert_close(found.T_world_cam, T_WORLD_CAM1, rotation_deg=0.1, direction_deg=1.0)
    assert np.linalg.norm(found.T_world_cam[:3, 3] - T_WORLD_CAM1[:3, 3]) < 0.02
    assert found.inliers[:wrong].mean() > 0.95
    assert found.inliers[wrong:].sum() == 0


def test_homography_of_a_plane_takes_pixels_to_pixels(estimator: RobustEstimator) -> None:
    pixels0, pixels1, _, wrong = two_views(planar=True)
    found = estimator.homography(pixels0, pixels1)
    assert found is not None
    mapped = np.column_stack([pixels0, np.ones(len(pixels0))]) @ found.H.T
    error_px = np.linalg.norm(mapped[:, :2] / mapped[:, 2:] - pixels1, axis=1)
    assert np.median(error_px[:wrong]) < 0.5
    assert found.inliers[:wrong].mean() > 0.9


def test_same_seed_gives_the_same_answer(estimator: RobustEstimator) -> None:
    pixels0, pixels1, common, _ = two_views()
    points = make_world().points_world[common]
    placed = [estimator.absolute_pose(pixels1, points, None) for _ in range(2)]
    assert placed[0] is not None
    assert placed[1] is not None
    np.testing.assert_array_equal(placed[0].T_world_cam, placed[1].T_world_cam)
    moved = [estimator.relative_pose(pixels0, pixels1) for _ in range(2)]
    assert moved[0] is not None
    assert moved[1] is not None
    np.testing.assert_array_equal(moved[0].T_cam0_cam1, moved[1].T_cam0_cam1)


@pytest.mark.parametrize("num", [0, 3])
def test_too_few_points_give_none_rather_than_identity(estimator: RobustEstimator, num: int) -> None:
    pixels = np.random.default_rng(0).uniform(0, 400, size=(num, 2))
    assert estimator.relative_pose(pixels, pixels) is None
    assert estimator.homography(pixels, pixels) is None
    assert estimator.absolute_pose(pixels, np.ones((num, 3)), None) is None


def test_a_guess_that_is_right_stays_right() -> None:
    world, T_world_cam = make_world(), sideways(5)[4]
    pixels, index = world.visible(T_world_cam)
    found = PoselibEstimator(CAMERA, RANSAC, seed=0).absolute_pose(
        pixels, world.points_world[index], T_world_cam
    )
    assert found is not None
    np.testing.assert_allclose(found.T_world_cam, T_world_cam, atol=1e-6)
