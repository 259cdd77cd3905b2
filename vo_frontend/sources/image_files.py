"""Image files: finding them in a folder and decoding them, truncated ones included."""

import io
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.sources.decoding import decode, read_file
from vo_frontend.types import Image

_DECIMAL = re.compile(r"[0-9]+\.[0-9]+")
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp"})


def list_images(folder: Path) -> list[Path]:
    """List the image files of a folder in natural order: ``frame2.png`` before ``frame10.png``.

    Where all names are decimal numbers, as times are, their values count: ``1.36.png`` before ``1.4.png``.

    Raises:
        SourceError: the folder is missing or holds no image.
    """
    try:
        paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    except OSError as error:
        raise SourceError(f"{folder}: cannot list the image folder ({error.strerror})") from None
    # macOS leaves "._name.png" companions on foreign file systems.
    images = [path for path in paths if not path.name.startswith(".")]
    are_times = all(_DECIMAL.fullmatch(path.stem) for path in images)
    images.sort(key=_decimal_key if are_times else _natural_key)
    if not images:
        kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise SourceError(f"{folder}: no images in this folder, expected files of type {kinds}")
    return images


def read_image(path: Path) -> Image:
    """Decode to (H, W) grey where the file is grey, else (H, W, 3) RGB; 16-bit files become 8-bit.

    The EXIF orientation is ignored: a calibration belongs to the sensor, however it was held.

    Raises:
        SourceError: the file is missing, truncated, not an image, or larger than any camera's.
    """
    return rgb_from_bgr(_decode(path, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION))


def rgb_from_bgr(image: NDArray[np.uint8]) -> Image:
    """Turn OpenCV's channel order (H, W, 3) into ours; grey (H, W) stays as it is."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def read_depth_units(path: Path) -> NDArray[np.uint16]:
    """Decode a 16-bit depth image (H, W), in the units of its dataset.

    Raises:
        SourceError: the file is missing, truncated or not a 16-bit image of one channel.
    """
    depth = _decode(path, cv2.IMREAD_UNCHANGED)
    if depth.ndim != 2 or depth.dtype != np.uint16:
        channels = 1 if depth.ndim == 2 else depth.shape[2]
        raise SourceError(
            f"{path}: {channels} channel(s) of {8 * depth.dtype.itemsize} bits, expected one of 16 bits: "
            "distances, not shades for the eye"
        )
    return depth


def read_focal_35mm(path: Path) -> float | None:
    """Read the 35 mm equivalent of a photograph's focal length, mm, from its EXIF; None without it."""
    from PIL import ExifTags
    from PIL import Image as Photograph

    try:
        with Photograph.open(io.BytesIO(read_file(path))) as photograph:
            fields = photograph.getexif().get_ifd(ExifTags.IFD.Exif)
    except Exception:  # whatever a parser raises over damaged bytes
        return None
    value = fields.get(ExifTags.Base.FocalLengthIn35mmFilm)
    return float(value) if isinstance(value, int | float) and value > 0 else None


def image_size(image: NDArray[Any]) -> tuple[int, int]:
    """Return width and height in px of an image (H, W[, C])."""
    return image.shape[1], image.shape[0]


def _decode(path: Path, flags: int) -> NDArray[Any]:
    data = read_file(path)
    try:
        return decode(data, flags)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from None


def _decimal_key(path: Path) -> tuple[Decimal, str]:
    return Decimal(path.stem), path.name


def _natural_key(path: Path) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
