"""Colours of the viewer, on black: those of every plot where they stand out enough."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend import palette

Color = tuple[float, float, float]  # RGB in 0..1


def _rgb(color: str) -> Color:
    blue, green, red = palette.bgr(color)
    return red / 255, green / 255, blue / 255


BACKGROUND: Color = (0.0, 0.0, 0.0)
CAMERA: Color = (1.0, 1.0, 1.0)
LOST_CAMERA: Color = (0.95, 0.2, 0.15)
KEYFRAME = _rgb(palette.SKY_BLUE)
GROUND_TRUTH: Color = (0.0, 0.80, 0.50)
LOOP_BEFORE: Color = (0.95, 0.25, 0.45)
LOOP: Color = (0.70, 0.55, 1.0)
KEYPOINT: Color = (0.62, 0.64, 0.67)  # without a landmark
NEW_TRACK = KEYFRAME
OLD_TRACK: Color = (1.0, 0.65, 0.0)
OLD_AGE = 30  # frames from which on a track is drawn as old
TEXT: Color = (0.85, 0.87, 0.9)
SEGMENTS = tuple(map(_rgb, (palette.ORANGE, palette.PURPLE, palette.YELLOW, palette.VERMILION)))


def segment_color(number: int) -> Color:
    """Return the colour of the n-th segment of the trajectory; the palette repeats after its last colour."""
    return SEGMENTS[number % len(SEGMENTS)]


def age_colors(ages: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return RGB (N, 3) of keypoints by the age of their tracks (N,) in frames; 0 means none."""
    share = np.clip(np.log2(np.maximum(ages, 1)) / np.log2(OLD_AGE), 0, 1)[:, None]
    white = np.array([0.95, 0.95, 0.85])  # a mix of the two ends would be dull
    young = (1 - 2 * share) * np.array(NEW_TRACK) + 2 * share * white
    old = (2 - 2 * share) * white + (2 * share - 1) * np.array(OLD_TRACK)
    colors = np.where(share < 0.5, young, old)
    colors[ages == 0] = KEYPOINT
    return np.rint(255 * colors).astype(np.uint8)


def brighten(colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Turn uint8 RGB (N, 3) into 0..1 (N, 3), with black raised to grey so that it shows on black."""
    darkest = 0.22
    return darkest + (1 - darkest) / 255.0 * colors.astype(np.float64)
