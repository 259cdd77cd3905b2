"""EuRoC folders: nanoseconds, rectification, partial copies, and what can be wrong."""

from pathlib import Path

import numpy as np
import pytest
from pattern_world import NUM_FRAMES, T_BODY_CAM
from tiny_datasets import EUROC_STAMPS_NS, assert_is_told, damage, open_tiny_euroc, write_euroc

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
