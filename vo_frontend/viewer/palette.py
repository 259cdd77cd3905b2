"""Colours of the viewer. Lines use the Okabe-Ito palette, which colour-blind readers can tell apart."""

import numpy as np
from numpy.typing import NDArray

Color = tuple[float, float, float]  # RGB in 0..1

BACKGROUND: Color = (0.0, 0.0, 0.0)
CAMERA: Color = (1.0, 1.0, 1.0)
LOST_CAMERA: Color = (0.95, 0.2, 0.15)
KEYFRAME: Color = (0.34, 0.71, 0.91)
GROUND_TRUTH: Color = (0.0, 0.80, 0.50)
LOOP_BEFORE: Color = (0.95, 0.25, 0.45)
LOOP: Color = (0.70, 0.55, 1.0)
TEXT: Color = (0.85, 0.87, 0.9)
SEGMENTS: tuple[Color, ...] = ((0.95, 0.60, 0.0), (0.84, 0.52, 0.70), (0.94, 0.89, 0.26), (0.84, 0.37, 0.0))


def segment_color(number: int) -> Color:
    """Return the colour of the n-th segment of the trajectory; the palette repeats after its last colour."""
    return SEGMENTS[number % len(SEGMENTS)]


def brighten(colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Turn uint8 RGB (N, 3) into 0..1 (N, 3), with black raised to grey so that it shows on black."""
    darkest = 0.22
    return darkest + (1 - darkest) / 255.0 * colors.astype(np.float64)
