"""A picture of the window as a file: the 3D view with the image and the figures."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import ViewerError
from vo_frontend.viewer import palette
from vo_frontend.viewer.view_update import Update
from vo_frontend.viewer.window_text import note_text, status_text

MARGIN_PX = 12


def compose(rendered: NDArray[np.uint8], shown: Update, image: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Put the image into a corner of the 3D view, and the figures above: (H, W, 3) RGB.

    Args:
        rendered: (H, W, 3 or 4) RGB of the 3D view.
        shown: what it shows.
        image: (h, w, 3) RGB with its keypoints; None for none.
    """
    picture = rendered[:, :, :3].copy()
    if image is not None:
        height, width = min(image.shape[0], len(picture)), min(image.shape[1], picture.shape[1])
        bottom = max(height, len(picture) - MARGIN_PX)
        left = min(MARGIN_PX, picture.shape[1] - width)
        picture[bottom - height : bottom, left : left + width] = image[:height, :width]
    lines = [
        f"{shown.state.status.value.upper()}    {status_text(shown.scene, shown.state)}",
        note_text(shown.state),
    ]
    color = [255 * value for value in palette.TEXT]
    for row, line in enumerate(filter(None, lines)):
        position = MARGIN_PX, 2 * MARGIN_PX * (row + 1)
        cv2.putText(picture, line, position, cv2.FONT_HERSHEY_SIMPLEX, 0.5, color, 1, cv2.LINE_AA)
    return picture


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write an RGB picture (H, W, 3) as PNG.

    Raises:
        ViewerError: the file cannot be written.
    """
    if not cv2.imwrite(str(path), picture[:, :, ::-1]):
        raise ViewerError(f"{path}: cannot write a picture; is there such a folder, with space left?")
