"""Image files and messages from anywhere: what they claim to be is checked before memory is given to them."""

import io
import stat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.geometry.camera import MAX_PIXELS

MAX_FILE_BYTES = 8 * MAX_PIXELS  # 16 bits for each of four channels


def read_file(path: Path) -> bytes:
    """Read a whole image file.

    Raises:
        SourceError: it is missing, not a plain file (a pipe would wait for ever), or larger than any image.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SourceError(f"{path}: cannot read the image (not a plain file)")
        if found.st_size > MAX_FILE_BYTES:
            raise SourceError(
                f"{path}: {found.st_size / 2**20:.0f} MB, expected an image of at most "
                f"{MAX_FILE_BYTES / 2**20:.0f} MB"
            )
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot read the image ({error.strerror})") from None


def decode(data: bytes, flags: int) -> NDArray[Any]:
    """Decode an image (H, W[, C]) with the ``flags`` of OpenCV's imread; BGR where it has colours.

    Raises:
        SourceError: not an image, truncated, or of more than ``MAX_PIXELS``. The message names no place.
    """
    size = _stated_size(data)
    if size is not None and size[0] * size[1] > MAX_PIXELS:
        raise _too_large(f"an image of {size[0]}x{size[1]} px")
    image = None
    if size is not None:
        try:
            # From memory, because OpenCV fills the missing rest of a truncated JPEG *file* with grey.
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:  # of headers that contradict themselves
            image = None
    if image is None:
        raise SourceError(f"cannot decode the image ({len(data)} bytes), truncated or not an image")
    return np.asarray(image)


def _stated_size(data: bytes) -> tuple[int, int] | None:
    """Read width and height (px) from the header alone; None where there is no header that can be read."""
    from PIL import Image as Header

    try:
        with Header.open(io.BytesIO(data)) as header:
            return header.size
    except Header.DecompressionBombError:  # beyond Pillow's own limit, which is above ours
        raise _too_large("a header that claims far more pixels than any camera has") from None
    except Exception:  # whatever a parser raises over damaged bytes
        return None


def _too_large(found: str) -> SourceError:
    most = f"{MAX_PIXELS / 1e6:.0f} million px"
    return SourceError(f"{found}, expected at most {most}; scale it down, or look for damage")
