import time

import numpy as np
import pytest
from world import CAMERA, make_world

from vo_frontend.geometry import se3
from vo_frontend.optimization.pose_refinement import refine_pose

RAY_OF_PIXEL = 1.0 / CAMERA.focal_px
T_TRUE = se3.exp(np.array([0.2, -0.1, 0.3, 0.02, -0.05, 0.03]))


def seen(*, noise_px=0.5, outliers=0.0, num_points=500, seed=0):
    """Points, their rays and depths from T_TRUE; a share of the rays points anywhere."""
    rng = np.random.default_rng(seed)
    pixels, index = make_world(seed=seed, num_points=num_points).visible(T_TRUE)
    points = make_world(seed=seed, num_points=num_points).points_world[index]
    rays = CAMERA.rays(pixels + noise_px * rng.normal(size=pixels.shape))
    wild = rng.random(len(rays)) < outliers
    rays[wild] = CAMERA.rays(rng.uniform((0, 0), (640, 480), size=(wild.sum(), 2)))
    inverse_depth = 1.0 / se3.transform_points(se3.inverse(T_TRUE), points)[:, 2]
    return points, rays, inverse_depth, wild


def guess(size=0.03, seed=0):
    return T_TRUE @ se3.exp(size * np.random.default_rng(seed).normal(size=6))


def errors(T_world_cam):
    """Translation and rotation (rad) error."""
    T_error = se3.inverse(T_TRUE) @ T_world_cam
    return np.linalg.norm(T_error[:3, 3]), float(se3.rotation_angle_rad(T_error[:3, :3]))


def test_exact_observations_give_the_exact_pose():
    points, rays, _, _ = seen(noise_px=0.0)
    refined = refine_pose(guess(), points, rays, huber=RAY_OF_PIXEL, max_iterations=20)
    np.testing.assert_allclose(refined.T_world_cam, T_TRUE, atol=1e-6)
    assert np.abs(refined.residuals).max() < 1e-6
    assert refined.cost < 1e-9


@pytest.mark.parametrize("with_depth", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_thirty_percent_of_wild_matches_do_not_spoil_the_pose(seed, with_depth):
    points, rays, inverse_depth, wild = seen(outliers=0.3, seed=seed)
    depth = (inverse_depth, np.full(len(rays), 2.0)) if with_depth else (None, None)
    refined = refine_pose(guess(seed=seed), points, rays, *depth, huber=RAY_OF_PIXEL, max_iterations=20)
    translation, rotation_rad = errors(refined.T_world_cam)
    assert translation < 0.02
    assert np.rad2deg(rotation_rad) < 0.15
    error_px = np.linalg.norm(refined.residuals, axis=1) / RAY_OF_PIXEL
    assert np.mean(error_px[~wild] < 4) > 0.98
    assert np.mean(error_px[wild] > 4) > 0.98


def test_depth_pins_what_far_points_leave_open():
    """Points 200 m ahead hardly show forward motion in pixels; their measured depth does."""
    rng = np.random.default_rng(0)
    points = rng.uniform([-60, -40, 200], [60, 40, 201], size=(200, 3))
    points_cam = se3.transform_points(se3.inverse(T_TRUE), points)
    rays = points_cam[:, :2] / points_cam[:, 2:] + RAY_OF_PIXEL * rng.normal(size=(200, 2))
    weight = np.full(200, RAY_OF_PIXEL / 1e-7)
    mono = refine_pose(guess(), points, rays, huber=RAY_OF_PIXEL, max_iterations=30)
    depth = refine_pose(
        guess(), points, rays, 1 / points_cam[:, 2], weight, huber=RAY_OF_PIXEL, max_iterations=30
    )
    forward_mono, forward_depth = (abs((se3.inverse(T_TRUE) @ r.T_world_cam)[2, 3]) for r in (mono, depth))
    assert forward_depth < 0.01
    assert forward_mono > 10 * forward_depth


def test_a_quarter_of_wrong_depths_leaves_the_pose_to_the_pixels():
    points, rays, inverse_depth, _ = seen()
    inverse_depth = inverse_depth.copy()
    inverse_depth[::4] *= 2.0  # half as far: a surface in front
    refined = refine_pose(
        guess(), points, rays, inverse_depth, np.full(len(rays), 2.0), huber=RAY_OF_PIXEL, max_iterations=20
    )
    translation, rotation_rad = errors(refined.T_world_cam)
    assert translation < 0.02
    assert np.rad2deg(rotation_rad) < 0.1
    assert (np.linalg.norm(refined.residuals, axis=1) < 4 * RAY_OF_PIXEL).all()
    assert (np.abs(refined.depth_residuals[::4]) > 10 * RAY_OF_PIXEL).all()


def test_information_predicts_how_far_poses_scatter():
    twists = []
    information = np.zeros((6, 6))
    for seed in range(60):
        points, rays, _, _ = seen(noise_px=0.0, num_points=150)
        rays = rays + RAY_OF_PIXEL * np.random.default_rng(seed).normal(size=rays.shape)
        refined = refine_pose(T_TRUE, points, rays, huber=10 * RAY_OF_PIXEL, max_iterations=10)
        twists.append(se3.log(se3.inverse(refined.T_world_cam) @ T_TRUE))
        information += refined.information / 60
    np.testing.assert_allclose(refined.information, refined.information.T, atol=1e-9)
    scatter = np.std(twists, axis=0)
    predicted = RAY_OF_PIXEL * np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(scatter, predicted, rtol=0.35)


@pytest.mark.parametrize("num_points", [0, 1, 2])
def test_too_few_points_leave_a_finite_pose_near_the_guess(num_points):
    points, rays, _, _ = seen()
    refined = refine_pose(
        guess(), points[:num_points], rays[:num_points], huber=RAY_OF_PIXEL, max_iterations=10
    )
    assert np.abs(refined.T_world_cam - guess()).max() < 0.5
    assert len(refined.residuals) == num_points


def test_points_that_are_not_finite_leave_the_guess():
    points, rays, _, _ = seen()
    points = points.copy()
    points[3] = np.nan
    refined = refine_pose(guess(), points, rays, huber=RAY_OF_PIXEL, max_iterations=10)
    np.testing.assert_allclose(refined.T_world_cam, guess(), atol=1e-12)


def test_five_hundred_points_take_less_than_a_millisecond():
    points, rays, inverse_depth, _ = seen(outliers=0.1, num_points=900)
    points, rays, inverse_depth = points[:500], rays[:500], inverse_depth[:500]
    assert len(points) == 500
    weight = np.full(500, 2.0)
    seconds = []
    for _ in range(30):
        begin = time.thread_time()  # of this thread alone: other tests may run beside it
        refine_pose(guess(), points, rays, inverse_depth, weight, huber=RAY_OF_PIXEL, max_iterations=10)
        seconds.append(time.thread_time() - begin)
    assert np.median(seconds) < 1e-3
