"""Pictures that show what a calibration does: lines of the board that a lens bends, and without it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.calibration.boards import BoardView
from vo_frontend.calibration.views import Picture
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.rectification import RectifiedPair
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.types import Image

LINE_COLOR, CORNER_COLOR = (230, 97, 1), (0, 114, 178)  # RGB, told apart by colour-blind eyes
ROW_SPACING = 16  # of the lines over a rectified pair, per image height
SUBPIXEL_BITS = 4


def before_and_after(camera: Camera, picture: Picture) -> Image:
    """Draw a picture as it was taken beside its undistorted self (H, 2 W, 3), RGB.

    Orange lines are straight, from the first to the last corner of each row and column of the board; blue
    corners lie on them where the image has no distortion.
    """
    undistort = Undistorter(camera)
    before, after = _color(picture.image), _color(undistort(picture.image))
    _draw_lines(before, picture.view.points_m, picture.view.pixels)
    _draw_lines(after, picture.view.points_m, undistort.points(picture.view.pixels))
    _label(before, "as taken")
    _label(after, "undistorted")
    return np.concatenate([before, after], axis=1)


def rectified_pair(pair: RectifiedPair, left: Picture, right: Picture) -> Image:
    """Draw two pictures of one moment after rectification, side by side, with lines along common rows."""
    images = [
        _color(undistort(picture.image)) for undistort, picture in ((pair.left, left), (pair.right, right))
    ]
    _label(images[0], "left, rectified")
    _label(images[1], "right, rectified")
    both = np.concatenate(images, axis=1)
    for row in np.linspace(0, both.shape[0], ROW_SPACING, endpoint=False)[1:].astype(int):
        cv2.line(both, (0, int(row)), (both.shape[1], int(row)), LINE_COLOR, 1)
    return both


def most_telling(camera: Camera, pictures: list[Picture]) -> Picture:
    """Choose the picture in which the lens moves the corners most."""
    undistort = Undistorter(camera)

    def way_px(view: BoardView) -> float:
        return float(np.linalg.norm(undistort.points(view.pixels) - view.pixels, axis=1).mean())

    return max(pictures, key=lambda picture: way_px(picture.view))


def _draw_lines(image: Image, points_m: NDArray[np.float64], pixels: NDArray[np.float64]) -> None:
    thickness = max(1, round(image.shape[1] / 1000))
    for axis in (0, 1):
        for value in np.unique(points_m[:, axis].round(6)):
            on_line = np.nonzero(points_m[:, axis].round(6) == value)[0]
            order = on_line[np.argsort(points_m[on_line, 1 - axis])]
            first, last = _fixed_point(pixels[order[0]]), _fixed_point(pixels[order[-1]])
            cv2.line(image, first, last, LINE_COLOR, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    for pixel in pixels:
        radius = 2 * thickness << SUBPIXEL_BITS
        cv2.circle(image, _fixed_point(pixel), radius, CORNER_COLOR, -1, cv2.LINE_AA, SUBPIXEL_BITS)


def _fixed_point(pixel: NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.rint(pixel * (1 << SUBPIXEL_BITS)).astype(int)
    return int(x), int(y)


def _color(image: Image) -> Image:
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image.copy()


def _label(image: Image, text: str) -> None:
    scale = image.shape[1] / 900
    font, thickness = (cv2.FONT_HERSHEY_SIMPLEX, 0.8 * scale), max(1, round(1.6 * scale))
    (width, height), below = cv2.getTextSize(text, *font, thickness)
    margin = round(8 * scale)
    image[: height + below + 2 * margin, : width + 2 * margin] = 0
    cv2.putText(image, text, (margin, margin + height), *font, (255, 255, 255), thickness, cv2.LINE_AA)
