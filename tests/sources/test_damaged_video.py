"""A video with damage inside: frames that the decoder has patched up count as bad images."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.cli.foreign_output import foreign_output
from vo_frontend.sources.decoder_complaints import DecoderComplaints
from vo_frontend.sources.video_file import VideoFile

NUM_FRAMES = 40
GROUP = 12  # frames from one key frame of OpenCV's MPEG-4 encoder to the next
HIT = 15  # the frame in which the damage lies
PIXEL = 3.0  # mean difference of a picture that shows something else


def write(path: Path, codec: str) -> list[NDArray[np.uint8]]:
    """Write a film of a texture that slides by; returns what a sound decoder makes of it."""
    texture = np.random.default_rng(0).integers(0, 256, (40, 80, 3), np.uint8)
    wall = cv2.resize(texture, (640, 320), interpolation=cv2.INTER_CUBIC)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10.0, (320, 240))
    for number in range(NUM_FRAMES):
        writer.write(np.ascontiguousarray(wall[:240, 4 * number : 4 * number + 320]))
    writer.release()
    return [image for image in read(path) if image is not None]


def read(path: Path) -> list[NDArray[np.uint8] | None]:
    return [read.image for read in VideoFile(path).read(threading.Event())]


def damage(path: Path, number: int) -> None:
    """Overwrite the middle of a frame with bytes that are no picture."""
    data = bytearray(path.read_bytes())
    begins = [k for k in range(len(data) - 4) if data[k : k + 4] == b"\x00\x00\x01\xb6"]  # of MPEG-4 pictures
    assert len(begins) == NUM_FRAMES
    begin, end = begins[number], begins[number + 1]
    middle = (begin + end) // 2
    data[middle : middle + 40] = bytes(np.random.default_rng(1).integers(1, 256, 40, np.uint8))
    path.write_bytes(bytes(data))


def test_a_damaged_frame_and_those_made_from_it_are_no_images(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    sound = write(path, "mp4v")
    damage(path, HIT)
    with foreign_output():
        images = read(path)
    assert len(images) == len(sound) == NUM_FRAMES
    assert [n for n, image in enumerate(images) if image is None] == list(range(HIT, 2 * GROUP))
    for image, expected in zip(images, sound, strict=True):
        assert image is None or np.array_equal(image, expected)


def test_where_nothing_is_heard_the_frames_come_as_the_decoder_patched_them_up(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    sound = write(path, "mp4v")
    damage(path, HIT)
    code = (
        "import sys, threading, numpy as np; from pathlib import Path;"
        "from vo_frontend.sources.video_file import VideoFile;"
        "images = [read.image for read in VideoFile(Path(sys.argv[1])).read(threading.Event())];"
        "np.save(sys.argv[2], np.array(images))"
    )
    saved = tmp_path / "images.npy"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(saved)], check=True, capture_output=True, timeout=120
    )
    assert b"mpeg4" in done.stderr
    differences = np.abs(np.load(saved).astype(float) - np.array(sound)).mean(axis=(1, 2, 3))
    assert (differences[HIT : 2 * GROUP] > PIXEL).any()


def test_a_sound_video_loses_nothing_under_the_console(tmp_path: Path) -> None:
    for name, codec in (("film.mp4", "mp4v"), ("film.avi", "MJPG"), ("film.webm", "VP80")):
        sound = write(tmp_path / name, codec)
        with foreign_output():
            images = read(tmp_path / name)
        assert len(sound) == NUM_FRAMES
        assert not any(image is None for image in images)


@pytest.mark.parametrize(
    ("line", "is_damage"),
    [
        (b"[mpeg4 @ 0x5590913222c0] ac-tex damaged at 30 5\n", True),
        (b"[h264 @ 0x5590913222c0] error while decoding MB 3 4, bytestream 77\n", True),
        (b"[hevc @ 0x5590913222c0] The cu_qp_delta 42 is outside the valid range [-26, 25].\n", True),
        (b"[hevc @ 0x5590913222c0] Could not find ref with POC 57\n", True),
        (b"[swscaler @ 0x5590913222c0] deprecated pixel format used, invalid range\n", False),
        (b"[mov,mp4,m4a @ 0x5590913222c0] error in an index\n", False),
        (b"[h264 @ 0x5590913222c0] mmco: unref short failure\n", False),
        (b"error: something of ours\n", False),
    ],
)
def test_only_damage_that_a_decoder_finds_is_heard_and_once(line: bytes, is_damage: bool) -> None:
    with foreign_output():
        os.write(2, b"[mpeg4 @ 0x0] ac-tex damaged at 1 1\n")  # before we listen
        complaints = DecoderComplaints()
        assert not complaints.heard()
        os.write(2, line)
        assert complaints.heard() is is_damage
        assert not complaints.heard()


def test_a_picture_full_of_block_edges_is_no_image_though_the_decoder_is_content(tmp_path: Path) -> None:
    path, rng = tmp_path / "film.mp4", np.random.default_rng(0)
    wall = cv2.GaussianBlur(rng.integers(0, 256, (240, 800, 3), np.uint8), (0, 0), 6.0)
    wall = cv2.normalize(wall, wall, 0, 255, cv2.NORM_MINMAX)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (320, 240))
    for number in range(NUM_FRAMES):
        picture = np.ascontiguousarray(wall[:, 4 * number : 4 * number + 320])
        for row, column in np.ndindex(15, 20):
            if number in (HIT, HIT + 1) and rng.random() < 0.5:
                rows, columns = slice(16 * row, 16 * row + 16), slice(16 * column, 16 * column + 16)
                picture[rows, columns] = wall[rows, 480 + 16 * column : 496 + 16 * column]
        writer.write(picture)
    writer.release()
    assert [n for n, image in enumerate(read(path)) if image is None] == [HIT, HIT + 1]
