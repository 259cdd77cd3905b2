"""Names of files that no font, no terminal or no OpenCV can deal with."""

import os
import sys
from pathlib import Path

import pytest
from pattern_world import DISTORTED
from tiny_datasets import write_images, write_video

from vo_frontend.errors import SourceError
from vo_frontend.sources.image_folder import open_image_folder
from vo_frontend.sources.names import opencv_name, plain_name
from vo_frontend.sources.video import VideoSource
from vo_frontend.sources.webcam import WebcamSource

BAD = os.fsdecode(b"bad\xff")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kitti/06", "kitti/06"),
        ("straße 1 (a%s)", "straße 1 (a%s)"),
        ("$\\frac{1}$", "_\\frac{1}_"),
        ("two\nlines\x1b[31m", "two_lines_[31m"),
        (BAD, "bad_"),
    ],
)
def test_a_name_keeps_what_can_be_shown(name: str, expected: str) -> None:
    assert plain_name(name) == expected


def test_frames_from_a_folder_with_any_name_have_a_name_that_can_be_shown(tmp_path: Path) -> None:
    write_images(tmp_path / "$x$")
    assert open_image_folder(tmp_path / "$x$", DISTORTED).name == "_x_"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_opencv_is_never_given_a_name_over_which_it_crashes(tmp_path: Path) -> None:
    assert opencv_name(tmp_path) == str(tmp_path)
    path = tmp_path / f"{BAD}.avi"
    write_video(tmp_path / "good.avi")
    (tmp_path / "good.avi").rename(path)
    with pytest.raises(SourceError, match=r"bad_\.avi: a name that is not UTF-8; rename the file"):
        VideoSource(path, DISTORTED)
    with pytest.raises(SourceError, match="bad_: a name that is not UTF-8"):
        WebcamSource(BAD, DISTORTED)
    write_images(tmp_path / "images")
    (tmp_path / "images").rename(tmp_path / BAD)
    frames = list(open_image_folder(tmp_path / BAD, DISTORTED))
    assert all(frame.image is not None for frame in frames)
