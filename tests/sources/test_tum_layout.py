"""TUM folders: exact times, depth beside colour, and what can be wrong."""

from pathlib import Path

import pytest
from pattern_world import NUM_FRAMES
from tiny_datasets import assert_is_told, damage, open_tiny_tum, write_tum

from vo_frontend.types import Sensor


def test_tum_frames_without_depth_stay_and_are_counted_in_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_tum(tmp_path)
    lines = (tmp_path / "depth.txt").read_text().splitlines()
    (tmp_path / "depth.txt").write_text("\n".join(lines[:3] + lines[5:]))
    frames = list(open_tiny_tum(tmp_path, Sensor.RGBD))
    assert [frame.depth_m is None for frame in frames] == [i in (2, 3) for i in range(NUM_FRAMES)]
    assert [r.getMessage() for r in caplog.records] == ["tum/fr1: 2 of 8 frames have no depth within 0.02 s"]


def test_tum_timestamps_are_exact_to_the_nanosecond(tmp_path: Path) -> None:
    write_tum(tmp_path)
    assert next(iter(open_tiny_tum(tmp_path))).timestamp_ns == 1305031229528748000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("-rgb.txt", "rgb.txt: cannot read"),
        ("rgb.txt=# nothing", "rgb.txt: the file has no data lines"),
        ("rgb.txt=# a\n1.5", "rgb.txt:2: got '1.5', expected"),
    ],
)
def test_damaged_data_are_one_line_that_names_the_place(tmp_path: Path, change: str, message: str) -> None:
    write_tum(tmp_path)
    damage(tmp_path, change)
    assert_is_told(lambda: open_tiny_tum(tmp_path), tmp_path, message)
