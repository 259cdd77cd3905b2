"""EuRoC folders: nanoseconds, rectification, partial copies, and what can be wrong."""

from pathlib import Path

import numpy as np
import pytest
from known import known
from pattern_world import NUM_FRAMES, T_BODY_CAM
from tiny_datasets import EUROC_STAMPS_NS, assert_is_told, damage, open_tiny_euroc, write_euroc

from vo_frontend.geometry.se3 import from_rotation_translation, so3_exp
from vo_frontend.sources.euroc import open_euroc
from vo_frontend.sources.recorded import RecordedSource
from vo_frontend.types import Sensor

YAML = "mav0/cam0/sensor.yaml=resolution: [128, 96]\nintrinsics: [100, 100, 60, 40]"
SCALED = "\nT_BS: {data: [2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}"


def test_euroc_opens_with_and_without_mav0_and_keeps_nanoseconds(tmp_path: Path) -> None:
    write_euroc(tmp_path)
    for folder in (tmp_path, tmp_path / "mav0"):
        source = open_tiny_euroc(folder)
        assert [frame.timestamp_ns for frame in source] == EUROC_STAMPS_NS
        np.testing.assert_array_equal(source.T_body_cam, T_BODY_CAM[0])


def test_euroc_rectified_baseline_is_the_distance_of_the_cameras(tmp_path: Path) -> None:
    write_euroc(tmp_path)
    source = open_tiny_euroc(tmp_path, Sensor.STEREO)
    distance_m = np.linalg.norm(T_BODY_CAM[1][:3, 3] - T_BODY_CAM[0][:3, 3])
    assert source.baseline_m == pytest.approx(distance_m, rel=1e-9)
    np.testing.assert_allclose(source.T_body_cam[:3, 3], T_BODY_CAM[0][:3, 3])
    direction = source.T_body_cam[:3, 0] * distance_m
    np.testing.assert_allclose(direction, T_BODY_CAM[1][:3, 3] - T_BODY_CAM[0][:3, 3], atol=1e-9)


def test_euroc_partial_copies_keep_the_position_in_the_whole_sequence(tmp_path: Path) -> None:
    write_euroc(tmp_path)
    for stamp in EUROC_STAMPS_NS[:3]:
        (tmp_path / "mav0/cam0/data" / f"{stamp}.png").unlink()
    (tmp_path / "mav0/cam1/data" / f"{EUROC_STAMPS_NS[4]}.png").unlink()
    source = open_tiny_euroc(tmp_path, Sensor.STEREO)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(3, NUM_FRAMES))
    assert [frame.image_right is None for frame in frames] == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("-mav0/cam0/data.csv", "data.csv: cannot read"),
        ("mav0/cam0/data.csv=#t\nx,y.png", "data.csv:2: got 'x'"),
        ("mav0/cam0/data.csv=12", "data.csv:1: got '12', expected"),
        ("0mav0/cam0/data", "none of the 8 images it lists is there"),
        (YAML, "sensor.yaml: T_BS: got None"),
        (YAML + SCALED, "T_BS: not a rigid transform"),
    ],
)
def test_damaged_data_are_one_line_that_names_the_place(tmp_path: Path, change: str, message: str) -> None:
    write_euroc(tmp_path)
    damage(tmp_path, change)
    assert_is_told(lambda: open_tiny_euroc(tmp_path), tmp_path, message)


RATE_IMU = np.array([0.2, -0.5, 0.9])
T_BODY_IMU = from_rotation_translation(so3_exp(np.array([0.5, 0.1, -0.3])), np.zeros(3))
READING_NS = 5_000_000


def write_imu(folder: Path, num_readings: int = 100) -> None:
    """Write a constant rate, from 7.4 ms before the first image."""
    imu = folder / "mav0/imu0"
    imu.mkdir()
    x, y, z = RATE_IMU
    first_ns = EUROC_STAMPS_NS[0] - 7_400_000
    rows = [f"{first_ns + i * READING_NS},{x},{y},{z},0,0,9.81" for i in range(num_readings)]
    (imu / "data.csv").write_text("\r\n".join(["#timestamp [ns],w_RS_S_x [rad s^-1],...", *rows]))
    (imu / "sensor.yaml").write_text(f"%YAML:1.0\nT_BS: {{data: {T_BODY_IMU.ravel().tolist()}}}\n")


def open_with_imu(folder: Path, sensor: Sensor = Sensor.MONO, frames: slice | None = None) -> RecordedSource:
    return open_euroc(folder, name="euroc/V1", sensor=sensor, frames=frames, has_imu=True)


@pytest.mark.parametrize("sensor", [Sensor.MONO, Sensor.STEREO])
def test_the_imu_turns_the_camera_as_it_is_after_rectification(tmp_path: Path, sensor: Sensor) -> None:
    write_euroc(tmp_path)
    write_imu(tmp_path)
    source = open_with_imu(tmp_path, sensor, slice(1, None, 2))
    first, second, *_ = (known(frame.attitude) for frame in source)
    R_imu_cam = T_BODY_IMU[:3, :3].T @ source.T_body_cam[:3, :3]
    time_s = (EUROC_STAMPS_NS[3] - EUROC_STAMPS_NS[1]) * 1e-9
    expected = R_imu_cam.T @ so3_exp(RATE_IMU * time_s) @ R_imu_cam
    np.testing.assert_allclose(known(second.rotation_since(first)), expected, atol=1e-12)


def test_frames_beyond_the_readings_have_no_attitude_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_euroc(tmp_path)
    write_imu(tmp_path, num_readings=50)
    frames = list(open_with_imu(tmp_path))
    assert [frame.attitude is None for frame in frames] == [False] * 5 + [True] * 3
    assert "3 of 8 frames have no readings of the gyroscope around them" in caplog.text
    assert all(frame.attitude is None for frame in open_tiny_euroc(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("-mav0/imu0", "imu0/data.csv: cannot read"),
        ("mav0/imu0/data.csv=# nothing", "imu0/data.csv: the file has no data lines"),
        ("mav0/imu0/data.csv=1,0.1,0.2", r"data.csv:1: got '1 0.1 0.2', expected .*rad/s"),
        ("mav0/imu0/data.csv=1,0.1,nan,0.3", "data.csv:1: got '0.1 nan 0.3', expected"),
        ("mav0/imu0/data.csv=x,0.1,0.2,0.3", "data.csv:1: got 'x', expected a whole number of nanoseconds"),
        ("mav0/imu0/data.csv=2,0,0,0\n1,0,0,0", "data.csv:2: timestamp .* is not after"),
        ("-mav0/imu0/sensor.yaml", "imu0/sensor.yaml: cannot read"),
        ("mav0/imu0/sensor.yaml=rate_hz: 200", "imu0/sensor.yaml: T_BS: got None, expected 16 numbers"),
    ],
)
def test_what_is_wrong_with_an_imu_is_one_line(tmp_path: Path, change: str, message: str) -> None:
    write_euroc(tmp_path)
    write_imu(tmp_path)
    damage(tmp_path, change)
    assert_is_told(lambda: open_with_imu(tmp_path), tmp_path, message)
