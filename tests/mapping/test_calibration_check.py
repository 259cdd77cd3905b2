"""Known answers: maps of a right camera seen through a wrong one."""

import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from world import CAMERA, make_world

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.calibration_check import CalibrationCheck, IntrinsicsStep, intrinsics_step
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.optimization.bundle import BundleProblem, adjust
from vo_frontend.types import Features

Array = NDArray[np.float64]

NUM_KEYFRAMES = 10
NOISE_PX = 0.3


def turning(num_poses: int) -> Array:
    """A hand-held arc: translation and rotation about two axes, which makes the intrinsics observable."""
    t = np.linspace(-1, 1, num_poses)
    twists = np.zeros((num_poses, 6))
    twists[:, 0], twists[:, 1], twists[:, 2] = 1.2 * t, 0.4 * t**2, 0.3 * t
    twists[:, 3], twists[:, 4] = 0.1 * np.sin(3 * t), -0.2 * t
    poses = se3.from_rotation_translation(se3.so3_exp(twists[:, 3:]), twists[:, :3])
    return np.asarray(se3.inverse(poses[0]) @ poses)


def straight(num_poses: int) -> Array:
    poses = np.tile(np.eye(4), (num_poses, 1, 1))
    poses[:, 2, 3] = np.linspace(0, 2, num_poses)
    return poses


def observe(T_world_cam: Array, seed: int = 0, noise_px: float = NOISE_PX) -> tuple[Array, Array]:
    """Points (M, 3) and pixels (K, M, 2) of the right camera, NaN outside the image."""
    points_world = make_world(seed, 250).points_world
    rng = np.random.default_rng(seed)
    pixels = []
    for T in T_world_cam:
        seen = CAMERA.project(se3.transform_points(se3.inverse(T), points_world))
        seen[~CAMERA.contains(seen)] = np.nan
        pixels.append(seen + noise_px * rng.normal(size=seen.shape))
    return points_world, np.array(pixels)


def adjusted(
    camera: PinholeCamera, T_world_cam: Array, points_world: Array, pixels: Array
) -> tuple[Array, Array]:
    """Poses and points that bundle adjustment makes of the pixels with a camera, right or wrong."""
    point_index, pose_index = np.nonzero(np.isfinite(pixels[..., 0]).T)
    rays = camera.rays(pixels[pose_index, point_index])
    problem = BundleProblem(T_world_cam, 1, points_world, pose_index, point_index, rays)
    solution = adjust(problem, huber=1 / camera.focal_px, max_iterations=100)
    return solution.T_world_cam, solution.points_world


def map_of(camera: PinholeCamera, window: int, T_world_cam: Array | None = None) -> SparseMap:
    """A map of one window that shares no keyframe with that of another number."""
    T_world_cam = turning(NUM_KEYFRAMES) if T_world_cam is None else T_world_cam
    points_world, pixels = observe(T_world_cam, seed=window)
    T_world_cam, points_world = adjusted(camera, T_world_cam, points_world, pixels)
    sparse_map = SparseMap(0, max_keyframes=NUM_KEYFRAMES, descriptor_size=1)
    for k, T in enumerate(T_world_cam):
        num = len(points_world)
        features = Features(
            np.nan_to_num(pixels[k]).astype(np.float32),
            np.ones((num, 1), np.float32),
            np.ones(num, np.float32),
        )
        no_landmarks = np.full(num, NO_LANDMARK, np.int64)
        view = View(window * NUM_KEYFRAMES + k, k, features, np.zeros((num, 3), np.uint8))
        sparse_map.add_keyframe(view, T, no_landmarks)
    sparse_map.add_landmarks(points_world, [(0, np.arange(len(points_world)))])
    for k in range(NUM_KEYFRAMES):
        seen = np.isfinite(pixels[k, :, 0])
        ids = np.where(seen, sparse_map.landmarks.ids, NO_LANDMARK)
        sparse_map.keyframes[k] = replace(sparse_map.keyframes[k], landmark_ids=ids)
    return sparse_map


def step_of(camera: PinholeCamera, T_world_cam: Array, points_world: Array, pixels: Array) -> IntrinsicsStep:
    step = intrinsics_step(camera, T_world_cam, points_world, pixels)
    assert step is not None
    return step


def wrong(focal: float = 1.0, shift_px: float = 0.0) -> PinholeCamera:
    c = CAMERA
    return PinholeCamera(c.fx * focal, c.fy * focal, c.cx + shift_px, c.cy, c.width, c.height)


def test_without_noise_the_step_is_the_error_of_the_calibration_to_the_last_digit() -> None:
    T_world_cam = turning(NUM_KEYFRAMES)
    points_world, pixels = observe(T_world_cam, noise_px=0.0)
    c = CAMERA
    # So little wrong that no residual reaches the Huber width.
    assumed = PinholeCamera(c.fx * 1.001, c.fy * 1.001, c.cx + 0.3, c.cy - 0.2, c.width, c.height)
    found = step_of(assumed, T_world_cam, points_world, pixels)
    np.testing.assert_allclose(found.step, [1 / 1.001 - 1, -0.3 / 640, 0.2 / 640], atol=2e-6)


def test_the_step_scatters_as_its_covariance_says() -> None:
    normalised = []
    for seed in range(20):
        T_world_cam = turning(NUM_KEYFRAMES)
        points_world, pixels = observe(T_world_cam, seed)
        found = step_of(CAMERA, *adjusted(CAMERA, T_world_cam, points_world, pixels), pixels)
        normalised.append(found.step / np.sqrt(np.diag(found.covariance)))
    assert np.abs(np.mean(normalised, axis=0)).max() < 0.6
    assert np.std(normalised, axis=0) == pytest.approx(1.0, abs=0.4)


def test_a_straight_drive_says_nothing_and_admits_it() -> None:
    T_world_cam = straight(NUM_KEYFRAMES)
    points_world, pixels = observe(T_world_cam)
    found = step_of(CAMERA, *adjusted(CAMERA, T_world_cam, points_world, pixels), pixels)
    turned = turning(NUM_KEYFRAMES)
    points_world, pixels = observe(turned)
    sure = step_of(CAMERA, *adjusted(CAMERA, turned, points_world, pixels), pixels)
    assert found.covariance[0, 0] > 25 * sure.covariance[0, 0]


def test_few_points_give_no_step() -> None:
    points_world, pixels = observe(turning(NUM_KEYFRAMES))
    assert intrinsics_step(CAMERA, turning(NUM_KEYFRAMES), points_world[:40], pixels[:, :40]) is None


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        (wrong(focal=0.8), "longer than 400 px"),
        (wrong(focal=1.25), "shorter than 625 px"),
        (wrong(shift_px=64.0), r"principal point moved by \(-"),
    ],
)
def test_a_wrong_calibration_is_named_once_after_three_windows(
    camera: PinholeCamera, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    check, warned = CalibrationCheck(camera), []
    for window in range(5):
        check.look_at(map_of(camera, window))
        warned.append(check.warning is not None)
    assert warned == [False, False, True, True, True]
    assert check.warning is not None
    assert re.search(said, check.warning)
    assert [record.getMessage() for record in caplog.records] == [check.warning]


def test_the_right_calibration_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    check = CalibrationCheck(CAMERA)
    for window in range(12):
        check.look_at(map_of(CAMERA, window))
    assert check.warning is None
    assert not caplog.records


def test_a_straight_drive_never_warns_however_wrong_the_focal_length() -> None:
    check = CalibrationCheck(wrong(focal=1.5))
    for window in range(4):
        check.look_at(map_of(wrong(focal=1.5), window, straight(NUM_KEYFRAMES)))
    assert check.warning is None


def test_the_same_window_is_not_evidence_twice() -> None:
    camera = wrong(focal=0.8)
    check, sparse_map = CalibrationCheck(camera), map_of(camera, 0)
    for _ in range(10):
        check.look_at(sparse_map)
    assert check.warning is None
