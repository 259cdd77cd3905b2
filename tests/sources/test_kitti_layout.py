"""KITTI folders: frame numbers, times, projections, and what can be wrong."""

import logging
from pathlib import Path

import numpy as np
import pytest
from pattern_world import NUM_FRAMES
from tiny_datasets import assert_is_told, damage, open_tiny_kitti, write_kitti

from vo_frontend.types import Sensor


def test_kitti_takes_index_from_the_file_name_and_time_from_that_row(tmp_path: Path) -> None:
    write_kitti(tmp_path, first=5)
    frames = list(open_tiny_kitti(tmp_path))
    assert [frame.index for frame in frames] == list(range(5, 5 + NUM_FRAMES))
    assert frames[0].timestamp_ns == 503_000_000


def test_kitti_without_times_runs_at_10_hz_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_kitti(tmp_path, first=5)
    (tmp_path / "times.txt").unlink()
    with caplog.at_level(logging.INFO):
        frames = list(open_tiny_kitti(tmp_path))
    assert [frame.timestamp_ns for frame in frames[:2]] == [500_000_000, 600_000_000]
    assert len([r for r in caplog.records if "10 Hz" in r.getMessage()]) == 1


def test_kitti_baseline_and_offset_from_camera_0_come_from_the_projections(tmp_path: Path) -> None:
    write_kitti(tmp_path, left=2, is_stereo=True)
    source = open_tiny_kitti(tmp_path, Sensor.STEREO)
    assert source.baseline_m == pytest.approx(0.5)
    np.testing.assert_allclose(source.T_body_cam[:3, 3], [1.0, 0.0, 0.0], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("-image_0", "no folder image_0"),
        ("0image_0", "image_0: no images"),
        ("-calib.txt", "calib.txt: cannot read the file"),
        ("calib.txt=P0: 1 2 x" + " 1" * 9, "calib.txt:1: got '1 2 x"),
        ("calib.txt=P0: 1 2 3", "calib.txt:1: P0 has 3 numbers"),
        ("calib.txt=P1:" + " 1" * 12, "no line 'P0:'.*found P1"),
        ("calib.txt=P0: 1 0 9 0 0 1 9 0 0 0 1 0", "calib.txt: .*fx = 1 px"),
        ("times.txt=0\n1\n2", "3 rows, but image number 12 needs"),
        (
            "times.txt=" + "\n".join(map(str, range(9))) + "\nsoon" + "\n1" * 9,
            r"times.txt:10: got 'soon', expected a time in seconds",
        ),
        (
            "times.txt=" + "\n".join(map(str, range(9))) + "\n3" + "\n99" * 9,
            "times.txt:10: timestamp 3.000000 s is not after 8.000000 s",
        ),
    ],
)
def test_damaged_data_are_one_line_that_names_the_place(tmp_path: Path, change: str, message: str) -> None:
    write_kitti(tmp_path)
    damage(tmp_path, change)
    assert_is_told(lambda: open_tiny_kitti(tmp_path), tmp_path, message)
