"""What all dataset layouts have in common: sizes, sensors, and partners that are damaged."""

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from pattern_world import CAMERA
from tiny_datasets import (
    open_tiny_euroc,
    open_tiny_kitti,
    open_tiny_seven_scenes,
    open_tiny_tum,
    write,
    write_euroc,
    write_kitti,
    write_seven_scenes,
    write_tum,
)

from vo_frontend.errors import CameraError, SourceError
from vo_frontend.sources.recorded import RecordedSource
from vo_frontend.types import Sensor

Write = Callable[[Path], None]
Open = Callable[..., RecordedSource]


@pytest.mark.parametrize("layout", ["kitti", "7scenes"])
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_calibration_without_a_size_is_held_against_the_image_centre(
    tmp_path: Path, layout: str, scale: float
) -> None:
    layouts: dict[str, tuple[Write, Open]] = {
        "kitti": (write_kitti, open_tiny_kitti),
        "7scenes": (write_seven_scenes, open_tiny_seven_scenes),
    }
    write_layout, open_layout = layouts[layout]
    write_layout(tmp_path)
    width, height = round(scale * CAMERA.width), round(scale * CAMERA.height)
    for path in tmp_path.rglob("*.png"):
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), (width, height)))
    with pytest.raises(CameraError, match=r"principal point \(62\.5, 47\.25\) px"):
        open_layout(tmp_path)


@pytest.mark.parametrize(
    ("write_layout", "open_layout", "sensor", "files"),
    [
        (lambda folder: write_kitti(folder, is_stereo=True), open_tiny_kitti, Sensor.STEREO, "image_1/*.png"),
        (write_euroc, open_tiny_euroc, Sensor.STEREO, "mav0/cam1/data/*.png"),
        (write_tum, open_tiny_tum, Sensor.RGBD, "depth/*.png"),
        (write_seven_scenes, open_tiny_seven_scenes, Sensor.RGBD, "*.depth.png"),
    ],
)
def test_right_images_and_depth_of_another_size_are_one_error_at_the_start(
    tmp_path: Path, write_layout: Write, open_layout: Open, sensor: Sensor, files: str
) -> None:
    write_layout(tmp_path)
    for path in tmp_path.glob(files):
        is_depth = sensor is Sensor.RGBD
        write(path, np.zeros((50, 60), np.uint16) if is_depth else np.zeros((50, 60), np.uint8))
    with pytest.raises(SourceError, match="image of 60x50 px, expected 128x96 px as calibrated"):
        open_layout(tmp_path, sensor)


@pytest.mark.parametrize(
    ("write_dataset", "open_source", "sensor", "message"),
    [
        (write_kitti, open_tiny_kitti, Sensor.STEREO, "sensor 'stereo' needs image_1, which is not there"),
        (
            write_kitti,
            open_tiny_kitti,
            Sensor.RGBD,
            "no data for sensor 'rgbd', this dataset offers mono and stereo",
        ),
        (
            lambda p: write_euroc(p, is_stereo=False),
            open_tiny_euroc,
            Sensor.STEREO,
            "sensor 'stereo' needs cam1",
        ),
        (write_euroc, open_tiny_euroc, Sensor.RGBD, "no data for sensor 'rgbd'"),
        (
            lambda p: write_tum(p, has_depth=False),
            open_tiny_tum,
            Sensor.RGBD,
            "depth.txt: not found, sensor 'rgbd'",
        ),
        (
            write_tum,
            open_tiny_tum,
            Sensor.STEREO,
            "no data for sensor 'stereo', this dataset offers mono and rgbd",
        ),
        (lambda p: write_seven_scenes(p, has_depth=False), open_tiny_seven_scenes, Sensor.RGBD, "found none"),
    ],
)
def test_a_sensor_that_the_data_do_not_have_is_an_error(
    tmp_path: Path, write_dataset: Write, open_source: Open, sensor: Sensor, message: str
) -> None:
    write_dataset(tmp_path)
    with pytest.raises(SourceError, match=message):
        open_source(tmp_path, sensor)


@pytest.mark.parametrize(
    ("write_layout", "open_layout", "sensor", "files", "partner"),
    [
        (
            lambda folder: write_kitti(folder, is_stereo=True),
            open_tiny_kitti,
            Sensor.STEREO,
            "image_1/*.png",
            "right image",
        ),
        (write_tum, open_tiny_tum, Sensor.RGBD, "depth/*.png", "depth"),
    ],
)
def test_truncated_right_images_and_depths_leave_mono_frames_and_are_said_once(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    write_layout: Write,
    open_layout: Open,
    sensor: Sensor,
    files: str,
    partner: str,
) -> None:
    write_layout(tmp_path)
    for path in sorted(tmp_path.glob(files))[2:5]:
        path.write_bytes(path.read_bytes()[:40])
    with caplog.at_level(logging.WARNING):
        frames = list(open_layout(tmp_path, sensor))
    measured = [frame.image_right is not None or frame.depth_m is not None for frame in frames]
    assert all(frame.image is not None for frame in frames)
    assert len(frames) - sum(measured) >= 3
    assert (
        len([r for r in caplog.records if f"no usable {partner} and counts as mono" in r.getMessage()]) == 1
    )
