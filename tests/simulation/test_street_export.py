"""The exported street, read back by the readers of the real data sets."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from known import known

from vo_frontend.sensors.calibration import Camera
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.sources.kitti import open_kitti
from vo_frontend.sources.tum import open_tum
from vo_frontend.types import Sensor

TOOL = Path(__file__).parents[2] / "tools" / "export_synthetic.py"


def export(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, *map(str, arguments)], capture_output=True, text=True)


def test_kitti_export_reads_back_as_it_was_rendered(tmp_path: Path) -> None:
    assert export(tmp_path, "--frames", 3, "--size", 160, 120).returncode == 0
    source = SyntheticSource(3, 160, 120, sensor=Sensor.STEREO)
    folder = tmp_path / "kitti" / "sequences" / "00"
    reader = open_kitti(folder, name="kitti/00", sensor=Sensor.STEREO)
    assert known(reader.baseline_m) == pytest.approx(known(source.baseline_m))
    np.testing.assert_allclose(reader.camera.K, source.camera.K)
    for read, rendered in zip(reader, source, strict=True):
        assert (read.index, read.timestamp_ns) == (rendered.index, rendered.timestamp_ns)
        for image, expected in ((read.image, rendered.image), (read.image_right, rendered.image_right)):
            grey = np.asarray(cv2.cvtColor(known(expected), cv2.COLOR_RGB2GRAY))
            np.testing.assert_array_equal(known(image), grey)
    poses = np.loadtxt(tmp_path / "kitti" / "poses" / "00.txt").reshape(3, 3, 4)
    np.testing.assert_allclose(poses, ground_truth(3).T_world_cam[:, :3], atol=1e-7)


def test_tum_export_reads_back_as_it_was_rendered(tmp_path: Path) -> None:
    assert export(tmp_path, "--frames", 3, "--size", 160, 120, "--sensor", "rgbd").returncode == 0
    folder = tmp_path / "tum" / "street"
    calibration = Camera.from_yaml(folder / "camera.yaml")
    reader = open_tum(folder, calibration, name="tum/street", sensor=Sensor.RGBD)
    for read, rendered in zip(reader, SyntheticSource(3, 160, 120, sensor=Sensor.RGBD), strict=True):
        assert read.timestamp_ns == rendered.timestamp_ns
        np.testing.assert_array_equal(known(read.image), known(rendered.image))
        depth_m, expected_m = known(read.depth_m), known(rendered.depth_m)
        fits = np.nan_to_num(expected_m, nan=99.0) < 13.1
        np.testing.assert_allclose(depth_m[fits], expected_m[fits], atol=1.1e-4)
    assert len(np.loadtxt(folder / "groundtruth.txt")) == 3


def test_wrong_export_arguments_are_one_clear_line(tmp_path: Path) -> None:
    result = export(tmp_path, "--frames", 0)
    assert result.returncode == 2
    assert result.stderr.startswith("export_synthetic: synthetic: num_frames: got 0")
    assert result.stderr.count("\n") == 1
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = export(blocked, "--frames", 1, "--size", 64, 64)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
