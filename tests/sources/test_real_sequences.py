"""The readers on real data: known numbers of frames, times, cameras and geometry."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from known import known
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.geometry import se3
from vo_frontend.sources.registry import find_sequence, list_sequences, open_sequence
from vo_frontend.types import Sensor

pytestmark = pytest.mark.real


def row_offsets_px(left: NDArray[np.uint8] | None, right: NDArray[np.uint8] | None) -> NDArray[np.float64]:
    """Measure dy of mutually nearest ORB features."""
    orb = cv2.ORB.create(1000)
    keypoints0, descriptors0 = orb.detectAndCompute(known(left), None)
    keypoints1, descriptors1 = orb.detectAndCompute(known(right), None)
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(descriptors0, descriptors1)
    good = [m for m in matches if m.distance < 40]
    assert len(good) > 100
    return np.array([keypoints1[m.trainIdx].pt[1] - keypoints0[m.queryIdx].pt[1] for m in good])


def test_kitti_00_starts_at_frame_100_with_its_own_time(data_root: Path) -> None:
    source = open_sequence(find_sequence("kitti/00", data_root))
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(100, 200))
    times_s = np.loadtxt(data_root / "kitti/sequences/00/times.txt")[100:200]
    np.testing.assert_allclose([frame.timestamp_s for frame in frames], times_s, atol=1e-9)
    assert (source.camera.fx, source.camera.width, source.camera.height) == (718.856, 1241, 376)
    with pytest.raises(SourceError, match="sensor 'stereo' needs image_1"):
        open_sequence(find_sequence("kitti/00", data_root), sensor=Sensor.STEREO)


def test_kitti_06_stereo_has_the_published_baseline_and_matching_rows(data_root: Path) -> None:
    source = open_sequence(find_sequence("kitti/06", data_root), sensor=Sensor.STEREO)
    assert source.num_frames == 51
    assert source.baseline_m == pytest.approx(0.537, abs=1e-3)
    frame = next(iter(source))
    assert np.median(np.abs(row_offsets_px(frame.image, frame.image_right))) < 1.0


def test_euroc_stereo_rows_match_after_rectification_but_not_before(data_root: Path) -> None:
    spec = find_sequence("euroc/V1_01_easy", data_root)
    source = open_sequence(spec, sensor=Sensor.STEREO)
    assert source.num_frames == 30
    assert source.baseline_m == pytest.approx(0.110, abs=1e-3)
    frame = next(iter(source))
    assert frame.timestamp_ns == 1403715274312143104
    assert np.median(np.abs(row_offsets_px(frame.image, frame.image_right))) < 1.0
    raw = [
        cv2.imread(str(next(iter(sorted((spec.folder / camera / "data").iterdir())))), cv2.IMREAD_GRAYSCALE)
        for camera in ("cam0", "cam1")
    ]
    assert np.median(np.abs(row_offsets_px(*raw))) > 2.0


def test_euroc_mono_keeps_the_pose_of_its_sensor_yaml(data_root: Path) -> None:
    source = open_sequence(find_sequence("euroc/V1_01_easy", data_root))
    np.testing.assert_allclose(
        source.T_body_cam[:3, 3], [-0.0216401454975, -0.064676986768, 0.00981073058949]
    )
    assert source.camera.fx == 458.654


@pytest.mark.parametrize("sensor", [Sensor.MONO, Sensor.STEREO])
def test_euroc_s_gyroscope_drifts_while_the_camera_stands_but_always_alike(
    data_root: Path, sensor: Sensor
) -> None:
    spec = find_sequence("euroc/V1_01_easy", data_root)
    source = open_sequence(spec, sensor=sensor, has_imu=True, frames=slice(0, 29, 14))
    attitudes = [known(frame.attitude) for frame in source]
    turns = [known(b.rotation_since(a)) for a, b in zip(attitudes, attitudes[1:], strict=False)]
    assert np.rad2deg(se3.rotation_angle_rad(turns[0])) > 3
    assert np.rad2deg(se3.rotation_angle_rad(turns[0].T @ turns[1])) < 0.1


def test_tum_associates_depth_with_every_colour_image_and_gives_metres(data_root: Path) -> None:
    source = open_sequence(
        find_sequence("tum/fr1_rpy", data_root), sensor=Sensor.RGBD, frames=slice(0, None, 10)
    )
    depth_m = [known(frame.depth_m) for frame in source]
    assert source.num_frames == 15
    median_m = np.array([np.nanmedian(depth) for depth in depth_m])
    assert (median_m > 0.5).all()
    assert (median_m < 4.0).all()
    assert 0.5 < np.isfinite(depth_m).mean() < 1.0


def test_tum_desk_is_mono_only_here(data_root: Path) -> None:
    spec = find_sequence("tum/fr2_desk", data_root)
    assert [frame.index for frame in open_sequence(spec)] == list(range(20))
    with pytest.raises(SourceError, match=r"depth\.txt: not found"):
        open_sequence(spec, sensor=Sensor.RGBD)


def test_seven_scenes_frames_are_300_at_30_hz(data_root: Path) -> None:
    source = open_sequence(find_sequence("7scenes/redkitchen", data_root), frames=slice(0, None, 100))
    assert [frame.timestamp_ns for frame in source] == [0, round(1e11 / 30), round(2e11 / 30)]
    assert (source.camera.fx, source.camera.cx) == (585.0, 320.0)


def test_everything_present_has_ground_truth_that_exists(data_root: Path) -> None:
    present = [listing.name for listing in list_sequences(data_root) if listing.present]
    assert len(present) >= 6
    for name in present:
        ground_truth = find_sequence(name, data_root).ground_truth
        assert ground_truth is not None
        assert ground_truth.path.is_absolute()
        assert ground_truth.path.exists()
