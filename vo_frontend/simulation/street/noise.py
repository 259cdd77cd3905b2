"""Seamless noise and colours shared by the texture painters."""

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]  # RGB, 0..255
Palette = tuple[Color, ...]


def fractal_noise(rng: np.random.Generator, size: int, cells: int, octaves: int) -> NDArray[np.float32]:
    """Sum octaves of smooth noise, each of twice the frequency and 0.6 the strength of the one before.

    Returns:
        (size, size), roughly in -1..1, the first octave with ``cells`` per side; left and right edge
        as well as top and bottom fit together.
    """
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        count = cells << octave
        lattice = rng.uniform(-1.0, 1.0, (count, count)).astype(np.float32)
        wrapped = np.pad(lattice, 2, mode="wrap")
        scale = size // count
        grown = cv2.resize(wrapped, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        total += 0.6**octave * grown[2 * scale : 2 * scale + size, 2 * scale : 2 * scale + size]
    return total


def random_color(rng: np.random.Generator, value: float, saturation: float) -> Color:
    """Draw RGB of random hue, 0..255; ``value`` and ``saturation`` are 0..1."""
    rgb = colorsys.hsv_to_rgb(rng.random(), saturation * rng.uniform(0.5, 1.0), value)
    red, green, blue = (int(255 * channel) for channel in rgb)
    return red, green, blue


def pick_color(rng: np.random.Generator, palette: Palette) -> Color:
    """Pick one of a palette and vary it a little."""
    base = np.array(palette[int(rng.integers(len(palette)))])
    red, green, blue = np.clip(base * rng.uniform(0.9, 1.1) + rng.normal(0, 5, 3), 0, 255).astype(int)
    return int(red), int(green), int(blue)


def stained(rng: np.random.Generator, image: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    """Put large and small stains on a picture (S, S, 3), so that no two places look alike."""
    size = len(image)
    factor = 1.0 + strength * fractal_noise(rng, size, 8, 5)
    factor += 0.5 * strength * rng.standard_normal((size, size), dtype=np.float32)
    return np.clip(image * factor[..., None], 0, 255).astype(np.uint8)
