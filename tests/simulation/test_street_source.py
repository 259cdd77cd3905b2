"""The built-in sequence as a source of frames."""

from typing import Any

import cv2
import numpy as np
import pytest
from known import known
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.simulation.street.renderer import load_street
from vo_frontend.simulation.street.source import (
    MAX_DEPTH_M,
    SyntheticSource,
    exposure_gain,
    ground_truth,
    street_camera,
)
from vo_frontend.types import Sensor

SMALL = 160, 120  # width, height, px


def test_frames_carry_what_the_sensor_promises() -> None:
    for sensor in Sensor:
        source = SyntheticSource(2, *SMALL, sensor=sensor)
        frames = list(source)
        assert [frame.index for frame in frames] == [0, 1]
        assert [frame.timestamp_ns for frame in frames] == [0, 100_000_000]
        assert known(frames[0].image).shape == (120, 160, 3)
        assert (frames[0].image_right is not None) == (sensor is Sensor.STEREO)
        assert (frames[0].depth_m is not None) == (sensor is Sensor.RGBD)
        assert source.baseline_m == (0.5 if sensor is Sensor.STEREO else None)


def test_a_frame_has_the_same_bytes_whatever_came_before() -> None:
    whole = list(SyntheticSource(8, *SMALL, sensor=Sensor.STEREO))
    part = list(SyntheticSource(300, *SMALL, sensor=Sensor.STEREO, frames=slice(3, 8, 2), num_threads=1))
    assert [frame.index for frame in part] == [3, 5, 7]
    for frame in part:
        np.testing.assert_array_equal(known(frame.image), known(whole[frame.index].image))
        right = known(whole[frame.index].image_right)
        np.testing.assert_array_equal(known(frame.image_right), right)


def test_ground_truth_has_one_pose_per_frame() -> None:
    source = SyntheticSource(100, *SMALL, seed=2, frames=slice(10, 50, 4))
    truth = ground_truth(100, seed=2, frames=slice(10, 50, 4))
    assert len(truth) == source.num_frames == 10
    np.testing.assert_array_equal(truth.timestamps_ns, np.arange(10, 50, 4) * 100_000_000)
    np.testing.assert_array_equal(ground_truth(100, seed=2).T_world_cam[10:50:4], truth.T_world_cam)


def test_noise_and_exposure_change_the_perfect_picture() -> None:
    clean, _ = load_street(0).render(np.eye(4), street_camera(*SMALL))
    frame = next(iter(SyntheticSource(1, *SMALL)))
    exposed = exposure_gain(0, 0) * clean.astype(float)
    middle = (exposed > 20) & (exposed < 235)
    residual = (known(frame.image) - exposed)[middle]
    assert abs(residual.mean()) < 0.1
    assert 1.9 < residual.std() < 2.3
    noiseless = next(iter(SyntheticSource(1, *SMALL, noise_std=0.0)))
    assert np.abs(known(noiseless.image) - exposed)[middle].max() < 1.6


def test_exposure_drifts_and_sometimes_jumps() -> None:
    gains = np.array([exposure_gain(0, i) for i in range(300)])
    steps = np.abs(np.diff(gains))
    assert 0.65 < gains.min() < 0.95 < gains.max() < 1.35
    assert np.median(steps) < 0.01
    assert 1 <= np.sum(steps > 0.03) <= 6


def test_measured_depth_is_exact_depth_with_noise_and_a_limit() -> None:
    camera = street_camera(*SMALL)
    frame = next(iter(SyntheticSource(1, *SMALL, sensor=Sensor.RGBD)))
    _, exact_m = load_street(0).render(np.eye(4), camera)
    depth_m = known(frame.depth_m)
    np.testing.assert_array_equal(np.isnan(depth_m), ~(exact_m <= MAX_DEPTH_M))
    relative = (depth_m - exact_m) / exact_m**2
    assert np.nanstd(relative) == pytest.approx(0.001, rel=0.1)


def test_close_ends_iteration() -> None:
    source = SyntheticSource(50, *SMALL)
    frames = iter(source)
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_frames": 0}, "num_frames: got 0"),
        ({"seed": -1}, "seed: got -1"),
        ({"width": 20}, "20x480 px"),
        ({"height": 9000}, "640x9000 px"),
        ({"frames": slice(400, None)}, "selects nothing"),
        ({"frames": slice(None, None, -1)}, "step of -1"),
        ({"frames": slice(None, None, 0)}, "step of 0"),
        ({"noise_std": -1.0}, "noise_std: got -1.0"),
        ({"noise_std": float("nan")}, "noise_std: got nan"),
    ],
)
def test_wrong_arguments_are_one_clear_line(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceError) as caught:
        SyntheticSource(**arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def sampson_px(
    camera: PinholeCamera, T_0_1: Transform, pixels0: NDArray[np.float64], pixels1: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of matches from the epipolar geometry of a known motion (Hartley and Zisserman, 11.4.3)."""
    inverse_K = np.linalg.inv(camera.K)
    T_1_0 = se3.inverse(T_0_1)
    F = inverse_K.T @ se3.hat(T_1_0[:3, 3]) @ T_1_0[:3, :3] @ inverse_K
    ones = np.ones((len(pixels0), 1))
    x0, x1 = np.hstack([pixels0, ones]), np.hstack([pixels1, ones])
    line1, line0 = x0 @ F.T, x1 @ F
    scale = np.sqrt((line1[:, :2] ** 2).sum(1) + (line0[:, :2] ** 2).sum(1))
    return np.asarray(np.abs((x1 * line1).sum(1)) / scale)


def test_corners_are_many_and_move_with_the_scene() -> None:
    camera, poses = street_camera(), ground_truth(300).T_world_cam
    orb, matcher = cv2.ORB.create(2000, fastThreshold=12), cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)
    counts, agreement = [], []
    for first in range(5, 300, 30):
        pair = [known(frame.image) for frame in SyntheticSource(300, frames=slice(first, first + 2))]
        found = [orb.detectAndCompute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None) for image in pair]
        matches = matcher.match(found[0][1], found[1][1])
        pixels0 = np.array([found[0][0][m.queryIdx].pt for m in matches])
        pixels1 = np.array([found[1][0][m.trainIdx].pt for m in matches])
        T_0_1 = se3.inverse(poses[first]) @ poses[first + 1]
        counts += [len(keypoints) for keypoints, _ in found]
        agreement.append(float(np.mean(sampson_px(camera, T_0_1, pixels0, pixels1) < 2.0)))
    assert min(counts) >= 800
    assert min(agreement) >= 0.6
