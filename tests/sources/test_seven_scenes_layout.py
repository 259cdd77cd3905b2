"""7-Scenes folders: everything from file names, intrinsics, and what can be wrong."""

from pathlib import Path

import pytest
from pattern_world import CAMERA, NUM_FRAMES, STRAIGHT
from tiny_datasets import assert_is_told, damage, open_tiny_seven_scenes, write_seven_scenes

from vo_frontend.errors import SourceError


def test_seven_scenes_numbers_and_times_come_from_the_file_names(tmp_path: Path) -> None:
    write_seven_scenes(tmp_path)
    frames = list(open_tiny_seven_scenes(tmp_path))
    assert [frame.index for frame in frames] == list(range(3, 3 + NUM_FRAMES))
    assert frames[1].timestamp_ns == round(4e9 / 30)


def test_seven_scenes_without_intrinsics_file_uses_the_given_calibration(tmp_path: Path) -> None:
    write_seven_scenes(tmp_path)
    (tmp_path / "camera-intrinsics.txt").unlink()
    assert open_tiny_seven_scenes(tmp_path, calibration=STRAIGHT).camera == CAMERA
    with pytest.raises(SourceError, match=r"camera-intrinsics\.txt: not found"):
        open_tiny_seven_scenes(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("0.", "no images in this folder"),
        (
            "camera-intrinsics.txt=1 2 3\n4 5\n6 7 8",
            "camera-intrinsics.txt:2: got '4 5', expected three rows",
        ),
    ],
)
def test_damaged_data_are_one_line_that_names_the_place(tmp_path: Path, change: str, message: str) -> None:
    write_seven_scenes(tmp_path)
    damage(tmp_path, change)
    assert_is_told(lambda: open_tiny_seven_scenes(tmp_path), tmp_path, message)
