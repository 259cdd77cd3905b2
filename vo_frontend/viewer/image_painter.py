"""Draws the current image with its keypoints and tracks, for the window."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.types import Image
from vo_frontend.viewer import palette
from vo_frontend.viewer.image_view import ImageView

LEGEND_HEIGHT_PX = 22
SHIFT = 4  # OpenCV's fixed point: coordinates in 1/16 px


def draw_image(view: ImageView, width: int) -> NDArray[np.uint8]:
    """Draw an image of ``width`` px with keypoints, trails and a legend below: (h, width, 3) RGB.

    A keypoint with a landmark is a dot, with the latest places of the landmark as its trail, coloured by
    how long the landmark is known; a keypoint without one is a grey dot.
    """
    scale = width / view.image.shape[1]
    height = round(view.image.shape[0] * scale)
    canvas = _as_rgb(cv2.resize(np.asarray(view.image), (width, height), interpolation=cv2.INTER_LINEAR))
    canvas = (0.75 * canvas).astype(np.uint8)  # the colours on top must be seen
    colors = palette.age_colors(view.ages)
    has_landmark = view.ages > 0
    pixels = _fixed_point(view.pixels, scale)
    for pixel in pixels[~has_landmark]:
        cv2.circle(canvas, pixel, 1 << SHIFT, _rgb(palette.KEYPOINT), -1, cv2.LINE_AA, SHIFT)
    for trail, color in zip(view.trails, colors[has_landmark].tolist(), strict=True):
        cv2.polylines(canvas, [_fixed_point(trail, scale)], False, color, 1, cv2.LINE_AA, SHIFT)
    for pixel, color in zip(pixels[has_landmark], colors[has_landmark].tolist(), strict=True):
        cv2.circle(canvas, pixel, round(2.2 * (1 << SHIFT)), color, -1, cv2.LINE_AA, SHIFT)
    return np.concatenate([canvas, _legend(width, int(has_landmark.sum()), len(pixels))])


def _legend(width: int, num_tracks: int, num_keypoints: int) -> NDArray[np.uint8]:
    """Draw a strip (LEGEND_HEIGHT_PX, width, 3) that says what the colours mean."""
    strip = np.full((LEGEND_HEIGHT_PX, width, 3), 24, np.uint8)
    x, middle = 8, LEGEND_HEIGHT_PX // 2

    def write(text: str, color: palette.Color = palette.TEXT) -> None:
        nonlocal x
        cv2.putText(strip, text, (x, middle + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _rgb(color), 1, cv2.LINE_AA)
        x += cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)[0][0] + 6

    write(f"{num_tracks} of {num_keypoints} keypoints see a landmark, known for 1")
    ages = np.geomspace(1, palette.OLD_AGE, 60).astype(np.int64)
    strip[middle - 4 : middle + 5, x : x + len(ages)] = palette.age_colors(ages)[: max(0, width - x)]
    x += len(ages) + 6
    write(f"{palette.OLD_AGE}+ frames")
    return strip


def _as_rgb(image: Image) -> Image:
    return np.stack([image] * 3, axis=2) if image.ndim == 2 else image


def _fixed_point(pixels: NDArray[np.float32], scale: float) -> NDArray[np.int32]:
    """Scale pixels (N, 2), whose origin is the centre of the first one, for OpenCV's drawing functions."""
    return np.rint(((pixels + 0.5) * scale - 0.5) * (1 << SHIFT)).astype(np.int32)


def _rgb(color: palette.Color) -> tuple[int, ...]:
    return tuple(round(255 * value) for value in color)
