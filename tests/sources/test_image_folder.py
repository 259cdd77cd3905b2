"""Folders of images, and the files in them."""

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pattern_world import DISTORTED, NUM_FRAMES, STRAIGHT, colored, render
from tiny_datasets import write, write_images

from vo_frontend.errors import SourceError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sources.image_files import list_images, read_image
from vo_frontend.sources.image_folder import open_image_folder


def test_image_folder_sorts_naturally_and_takes_time_from_fps(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_images(tmp_path)
    (tmp_path / "notes.txt").write_text("not an image")
    assert [path.stem for path in list_images(tmp_path)][5:7] == ["shot 9", "shot 10"]
    frames = list(open_image_folder(tmp_path, DISTORTED, fps=20.0))
    assert frames[3].timestamp_ns == 150_000_000
    with caplog.at_level(logging.INFO):
        assert next(iter(open_image_folder(tmp_path, DISTORTED, frames=slice(1, 3)))).timestamp_ns == 10**8
    assert "10 Hz" in caplog.text


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".bmp", ".ppm", ".pgm", ".tif", ".webp"])
def test_every_image_format_gives_rgb_or_grey_and_notices_truncation(tmp_path: Path, suffix: str) -> None:
    grey = render(STRAIGHT, 0)
    for name, image in (("grey", grey), ("color", colored(grey))):
        if (suffix, name) in ((".ppm", "grey"), (".pgm", "color")):
            continue
        path = tmp_path / f"{name}{suffix}"
        write(path, image)
        decoded = read_image(path)
        if name == "color":
            assert decoded[..., 0].mean() == pytest.approx(230, abs=5)
        elif suffix != ".webp":  # WebP has no grey images
            assert decoded.ndim == 2
        write(path, image, truncated=True)
        with pytest.raises(SourceError, match=f"{name}{suffix}: cannot decode"):
            read_image(path)


def test_16_bit_images_become_8_bit(tmp_path: Path) -> None:
    grey = render(STRAIGHT, 0)
    write(tmp_path / "deep.png", grey.astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), grey)


def test_an_image_of_another_size_is_a_bad_frame_and_the_message_says_both_sizes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_images(tmp_path, suffix=".png")
    write(tmp_path / "shot 6.png", np.zeros((50, 60), np.uint8))
    frames = list(open_image_folder(tmp_path, DISTORTED))
    assert [frame.image is None for frame in frames] == [i == 2 for i in range(NUM_FRAMES)]
    assert "image of 60x50 px, expected 128x96 px" in caplog.text


def test_a_calibration_of_another_size_is_one_error_at_the_start(tmp_path: Path) -> None:
    write_images(tmp_path)
    other = Camera.from_pinhole(PinholeCamera(500, 500, 320, 240, 640, 480))
    with pytest.raises(SourceError, match=r"shot 4\.jpg: image of 128x96 px, expected 640x480 px"):
        open_image_folder(tmp_path, other)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere: cannot list the image folder"):
        open_image_folder(tmp_path / "nowhere", DISTORTED)


def test_constructing_a_recorded_source_decodes_one_image_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path)
    decode = cv2.imdecode
    decoded: list[NDArray[np.uint8]] = []

    def counting(data: NDArray[np.uint8], flags: int) -> Any:
        decoded.append(data)
        return decode(data, flags)

    monkeypatch.setattr(cv2, "imdecode", counting)
    open_image_folder(tmp_path, DISTORTED)
    assert len(decoded) == 1
