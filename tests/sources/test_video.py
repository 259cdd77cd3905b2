from pathlib import Path

import pytest
from pattern_world import DISTORTED, NUM_FRAMES
from tiny_datasets import write_video

from vo_frontend.errors import SourceError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sources.frame_range import parse_frames
from vo_frontend.sources.video import VideoSource


def test_timestamps_are_those_of_the_container(tmp_path: Path) -> None:
    write_video(tmp_path / "drive.avi", fps=20.0)
    stamps = [frame.timestamp_ns for frame in VideoSource(tmp_path / "drive.avi", DISTORTED)]
    assert stamps == [50_000_000 * i for i in range(NUM_FRAMES)]


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def test_a_video_cut_in_the_middle_gives_the_frames_before_the_cut_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "drive.avi"
    write_video(path)
    cut(path, 0.5)
    frames = iter(VideoSource(path, DISTORTED))
    assert [next(frames).index for _ in range(2)] == [0, 1]
    with pytest.raises(SourceError, match=r"drive\.avi: breaks off after [234] of 8 frames"):
        list(frames)


def test_whoever_stops_early_is_not_told_of_the_end(tmp_path: Path) -> None:
    write_video(tmp_path / "drive.avi")
    cut(tmp_path / "drive.avi", 0.5)
    source = VideoSource(tmp_path / "drive.avi", DISTORTED)
    for _ in source:
        source.close()


def test_the_part_of_a_damaged_video_that_is_there_is_no_error(tmp_path: Path) -> None:
    write_video(tmp_path / "drive.avi")
    cut(tmp_path / "drive.avi", 0.5)
    assert len(list(VideoSource(tmp_path / "drive.avi", DISTORTED, frames=slice(0, 2)))) == 2


def test_a_video_can_be_read_again(tmp_path: Path) -> None:
    write_video(tmp_path / "drive.avi")
    source = VideoSource(tmp_path / "drive.avi", DISTORTED)
    assert len(list(source)) == len(list(source)) == NUM_FRAMES


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, r"drive\.avi: no such video file"), (b"not a video", "not a video that OpenCV can read")],
)
def test_what_is_not_a_video_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "drive.avi"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        VideoSource(path, DISTORTED)


def test_a_calibration_of_another_size_is_an_error_with_both_sizes(tmp_path: Path) -> None:
    write_video(tmp_path / "drive.avi")
    other = Camera.from_pinhole(PinholeCamera(500, 500, 320, 240, 640, 480))
    with pytest.raises(SourceError, match="video of 128x96 px, expected 640x480 px as calibrated"):
        VideoSource(tmp_path / "drive.avi", other)


def test_selecting_nothing_is_an_error(tmp_path: Path) -> None:
    write_video(tmp_path / "drive.avi")
    with pytest.raises(SourceError, match="--frames 50:60 selects nothing, the video has 8 frames"):
        VideoSource(tmp_path / "drive.avi", DISTORTED, frames=parse_frames("50:60"))
