import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.epipolar import essential_from_pose, sampson_errors
from vo_frontend.geometry.triangulation import triangulate

Array = NDArray[np.float64]

T_CAM0_CAM1 = se3.exp(np.array([0.5, 0.1, -0.2, 0.05, -0.1, 0.02]))


def rays_of(points_cam0: Array) -> tuple[Array, Array]:
    points_cam1 = se3.transform_points(se3.inverse(T_CAM0_CAM1), points_cam0)
    return points_cam0[:, :2] / points_cam0[:, 2:], points_cam1[:, :2] / points_cam1[:, 2:]


def make_points() -> Array:
    return np.random.default_rng(1).uniform([-3, -2, 3], [3, 2, 30], size=(200, 3))


def test_exact_rays_meet_at_the_point() -> None:
    points = make_points()
    found, parallax_rad = triangulate(T_CAM0_CAM1, *rays_of(points))
    np.testing.assert_allclose(found, points, rtol=1e-8)
    to_camera0, to_camera1 = -points, T_CAM0_CAM1[:3, 3] - points
    sine = np.linalg.norm(np.cross(to_camera0, to_camera1), axis=1)
    expected = np.arctan2(sine, (to_camera0 * to_camera1).sum(axis=1))
    np.testing.assert_allclose(parallax_rad, expected, rtol=1e-6)


def test_points_behind_either_camera_are_nan() -> None:
    rays0, rays1 = rays_of(-make_points())
    found, _ = triangulate(T_CAM0_CAM1, rays0, rays1)
    assert np.isnan(found).all()


def test_parallel_rays_are_nan_rather_than_far_away() -> None:
    T_cam0_cam1 = np.eye(4)
    T_cam0_cam1[0, 3] = 1.0
    found, parallax_rad = triangulate(T_cam0_cam1, np.zeros((1, 2)), np.zeros((1, 2)))
    assert np.isnan(found).all()
    assert parallax_rad[0] == 0


def test_sampson_error_is_the_distance_in_px_of_a_perturbed_ray() -> None:
    rays0, rays1 = rays_of(make_points())
    E = essential_from_pose(T_CAM0_CAM1)
    assert sampson_errors(E, rays0, rays1).max() < 1e-12
    # Move along the normal of the epipolar line in image 1: the error is shared between both images.
    lines = np.column_stack([rays0, np.ones(len(rays0))]) @ E.T
    normal = lines[:, :2] / np.linalg.norm(lines[:, :2], axis=1, keepdims=True)
    errors = sampson_errors(E, rays0, rays1 + 2e-3 * normal)
    assert (errors <= 2e-3 + 1e-9).all()
    assert np.median(errors) == pytest.approx(2e-3 / np.sqrt(2), rel=0.1)
