"""Files that are not what they claim to be, and files that claim too much."""

import os
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from vo_frontend.errors import SourceError
from vo_frontend.sources.decoding import decode
from vo_frontend.sources.image_files import read_depth_units, read_focal_35mm, read_image


def png(width: int, height: int) -> bytes:
    """Write a valid PNG of so many px, all black: a few kB however large it is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width)) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + head + bytes(1000)


def tiff(width: int, height: int) -> bytes:
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (262, 3, 1), (273, 4, 8), (277, 3, 1),
               (278, 4, height), (279, 4, 100)]  # fmt: skip
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + table + bytes(104)


ABSURD = {
    "bomb.png": png(12000, 6000),
    "huge.bmp": bmp(60000, 60000),
    "negative.bmp": bmp(-5, -(2**31)),
    "huge.pgm": b"P5 60000 60000 255\n" + bytes(100),
    "huge.tif": tiff(60000, 60000),
}


@pytest.mark.parametrize("name", ABSURD)
def test_an_absurd_size_is_refused_before_memory_is_given_to_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(ABSURD[name])
    monkeypatch.setattr(cv2, "imdecode", None)  # nobody gets that far
    with pytest.raises(SourceError, match=f"{name}: .*, expected at most 67 million px; scale it down"):
        read_image(tmp_path / name)


def test_a_black_image_of_the_same_kind_is_decoded() -> None:
    assert decode(png(120, 60), cv2.IMREAD_ANYCOLOR).shape == (60, 120)


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes with names")
def test_a_pipe_among_the_images_is_an_error_and_no_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "0001.png")
    with pytest.raises(SourceError, match=r"0001\.png: cannot read the image \(not a plain file\)"):
        read_image(tmp_path / "0001.png")
    assert read_focal_35mm(tmp_path / "0001.png") is None


def test_a_file_larger_than_any_image_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "disk.png").open("wb") as file:
        file.truncate(2**40)  # sparse: takes no space
    with pytest.raises(SourceError, match=r"disk\.png: 1048576 MB, expected an image of at most 512 MB"):
        read_image(tmp_path / "disk.png")


def test_a_depth_image_of_shades_says_what_it_is(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "depth.png"), np.zeros((60, 80), np.uint8))
    with pytest.raises(SourceError, match=r"depth\.png: 1 channel\(s\) of 8 bits, expected one of 16 bits"):
        read_depth_units(tmp_path / "depth.png")
