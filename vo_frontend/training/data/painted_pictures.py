"""Pictures painted from a seed: surfaces that hide each other, large ones below small ones.

Dead leaves (Lee, Mumford, Huang, IJCV 2001) have the statistics of photographs: edges and corners of every
size, and the same occlusions; networks learn from them what they learn from photographs (Baradad et al.,
"Learning to See by Looking at Noise", NeurIPS 2021). Nothing in them belongs to anybody else.
"""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.simulation.street.noise import fractal_noise, random_color
from vo_frontend.types import Image

Surface = NDArray[np.uint8]  # (S, S, 3) RGB
Canvas = NDArray[np.float32]  # (H, W, 3) RGB, 0..255, about

PICTURE_PX = 512
TILE_PX = 512
SURFACE_SEED = 3
NUM_SURFACES = 96
NUM_SURFACES_USED = 8  # per picture
NUM_LARGE, LARGE_PX = (10, 30), (40.0, 200.0)
NUM_SMALL, SMALL_PX = (40, 220), (5.0, 200.0)
SHARP = 0.5  # share of shapes without a shadow
OUT_OF_FOCUS = 0.25  # share of surfaces
GLYPHS = "ABCDEFGHIKLMNOPRSTUVWXYZabdefghknrst0123456789&?%-+"


def paint_picture(rng: np.random.Generator) -> Image:
    """Paint a picture (512, 512, 3), RGB."""
    surfaces = [_surface(int(number)) for number in rng.integers(0, NUM_SURFACES, NUM_SURFACES_USED)]
    canvas = _cut(surfaces[0], (PICTURE_PX, PICTURE_PX), rng)
    # The number of small shapes falls with the third power of their radius: all sizes cover the same area.
    large = np.exp(rng.uniform(np.log(LARGE_PX[0]), np.log(LARGE_PX[1]), int(rng.integers(*NUM_LARGE))))
    small = rng.uniform(SMALL_PX[1] ** -2, SMALL_PX[0] ** -2, int(rng.integers(*NUM_SMALL))) ** -0.5
    for radius in np.sort(np.concatenate([large, small]))[::-1]:
        _lay(canvas, surfaces[rng.integers(NUM_SURFACES_USED)], float(radius), rng)
    light = 1.0 + rng.uniform(0.0, 0.4) * fractal_noise(rng, TILE_PX, 2, 2)
    canvas *= cv2.resize(light, (PICTURE_PX, PICTURE_PX))[..., None]
    return np.clip(canvas, 0, 255).astype(np.uint8)


@lru_cache(maxsize=NUM_SURFACES)
def _surface(number: int) -> Surface:
    """Make a surface, or return it as it was made before: that takes as long as half a picture."""
    rng = np.random.default_rng([SURFACE_SEED, number])
    tile = np.clip(TILES[number % len(TILES)](rng), 0, 255).astype(np.uint8)
    surface = _laid_anew(tile, rng)
    if rng.random() < OUT_OF_FOCUS:
        surface = np.asarray(cv2.GaussianBlur(surface, (0, 0), rng.uniform(1.0, 4.0)))
    return surface


def _lay(canvas: Canvas, surface: Surface, radius_px: float, rng: np.random.Generator) -> None:
    """Put a shape cut out of a surface onto the canvas, in light of its own and often with a shadow."""
    outline = _outline(rng) * radius_px + rng.uniform(0, PICTURE_PX, 2)
    margin = 2.0 + 0.3 * radius_px
    low = np.clip(outline.min(axis=0) - margin, 0, PICTURE_PX - 1).astype(int)
    high = np.clip(outline.max(axis=0) + margin, 1, PICTURE_PX).astype(int)
    if (high - low < 3).any():
        return
    below = canvas[low[1] : high[1], low[0] : high[0]]
    mask = _filled(outline - low, below.shape)
    if rng.random() > SHARP:
        x, y = np.rint(rng.uniform(-0.25, 0.25, 2) * radius_px).astype(int)
        shadow = cv2.blur(np.roll(mask, (y, x), (0, 1)), (3, 3))
        below *= 1.0 - np.float32(rng.uniform(0.2, 0.6)) * shadow[..., None]
    tint = rng.uniform(0.6, 1.3) * rng.uniform(0.8, 1.2, 3)
    left, right = rng.uniform(-0.25, 0.25, 2)
    shade = 1.0 + np.linspace(left, right, below.shape[1])
    paint = _cut(surface, below.shape[:2], rng) * (shade[:, None] * tint).astype(np.float32)
    below += mask[..., None] * (paint - below)


def _outline(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the outline (V, 2) of a shape of radius 1: a bar or board, a disc, a polygon, a ragged blob."""
    kind = rng.random()
    if kind < 0.4:
        shape = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * 0.75
    else:
        count = 24 if kind < 0.55 else int(rng.integers(3, 9)) if kind < 0.8 else int(rng.integers(12, 30))
        angle = 2 * np.pi * (np.arange(count) + (0 if kind < 0.55 else rng.uniform(-0.4, 0.4, count))) / count
        reach = np.ones(count) if kind < 0.55 else rng.uniform(0.5, 1.2, count)
        shape = np.stack([np.cos(angle), np.sin(angle)], axis=1) * reach[:, None]
    thin = np.exp(rng.uniform(np.log(0.12), 0.0))
    upright = rng.random() < 0.3  # as what people build
    turn = 0.5 * np.pi * rng.integers(4) + (rng.normal(0, 0.05) if upright else rng.uniform(0, np.pi))
    cos, sin = np.cos(turn), np.sin(turn)
    return np.asarray((shape * (1.0, thin)) @ np.array([(cos, sin), (-sin, cos)]))


def _filled(outline: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Fill an outline (V, 2), px. Returns how much of each pixel (H, W) lies inside, 0 to 1."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return mask * np.float32(1 / 255)


def _cut(surface: Surface, shape: tuple[int, ...], rng: np.random.Generator) -> Canvas:
    """Copy a random part (H, W, 3) of a surface that is larger, turned by quarters."""
    surface = np.rot90(surface, int(rng.integers(4)))
    y, x = (int(rng.integers(0, len(surface) - side + 1)) for side in shape[:2])
    return surface[y : y + shape[0], x : x + shape[1]].astype(np.float32)


def _laid_anew(tile: Surface, rng: np.random.Generator) -> Surface:
    """Repeat a seamless tile on a surface of 1.25 pictures, turned, scaled and sheared."""
    turn, scale = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(np.log(0.4), np.log(1.6)))
    if rng.random() < 0.5:
        turn = 0.5 * np.pi * rng.integers(4) + rng.normal(0, 0.05)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    M = np.array([(cos, -sin, rng.uniform(0, TILE_PX)), (sin, cos, rng.uniform(0, TILE_PX))])
    M[:, :2] += rng.normal(0, 0.1 * scale, (2, 2))
    side = int(1.25 * PICTURE_PX)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(tile, M, (side, side), flags=flags, borderMode=cv2.BORDER_WRAP))


def _color(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw RGB (3,), mostly dull."""
    return np.array(random_color(rng, float(rng.uniform(0.1, 1.0)), float(rng.uniform(0, 0.6))), np.float32)


def _clouds(rng: np.random.Generator) -> Canvas:
    """Blend two colours by noise of some octaves: walls, bark, skies."""
    octaves = int(rng.integers(2, 7))
    noise = fractal_noise(rng, TILE_PX, 2 ** int(rng.integers(1, 9 - octaves)), octaves)[..., None]
    return _color(rng) + (0.5 + 0.6 * noise) * rng.uniform(0.15, 1.0) * (_color(rng) - _color(rng))


def _grain(rng: np.random.Generator) -> Canvas:
    """Scatter grains of one size: gravel, grass, foliage."""
    tile = np.full((TILE_PX, TILE_PX, 3), _color(rng), np.uint8)
    length, width = float(np.exp(rng.uniform(0.7, 3.0))), rng.uniform(0.2, 1.0)
    dark, bright, spread = _color(rng), _color(rng), rng.uniform(0.1, np.pi)
    for _ in range(int(min(0.8 * TILE_PX**2 / (length**2 * width + 4), 1500))):
        at, axes = rng.integers(0, TILE_PX, 2).tolist(), (int(length) + 1, int(length * width) + 1)
        color = (dark + rng.random() * (bright - dark)).tolist()
        cv2.ellipse(tile, at, axes, float(np.rad2deg(rng.normal(0, spread))), 0, 360, color, -1, cv2.LINE_AA)
    return tile.astype(np.float32)


def _courses(rng: np.random.Generator) -> Canvas:
    """Lay bricks, tiles, boards or windows: rectangles of one size with joints, no two of one tone."""
    rows, columns = (2 ** int(n) for n in rng.integers(2, 7, 2))
    height, width = TILE_PX // rows, TILE_PX // columns
    tones = _color(rng) * (1 + rng.uniform(0.02, 0.3) * rng.standard_normal((rows, columns, 1)))
    tile = np.repeat(np.repeat(tones, height, axis=0), width, axis=1).astype(np.float32)
    joint = _color(rng)
    for step, axis in ((height, 0), (width, 1)):
        thick = int(rng.integers(1, max(step // 3, 2)))
        is_joint = np.arange(TILE_PX) % step < thick
        tile[is_joint if axis == 0 else (slice(None), is_joint)] = joint
    if rng.random() < 0.5:
        for row in range(1, rows, 2):
            tile[row * height : (row + 1) * height] = np.roll(
                tile[row * height : (row + 1) * height], width // 2, 1
            )
    return tile * (1 + rng.uniform(0, 0.2) * fractal_noise(rng, TILE_PX, 8, 5)[..., None])


def _print(rng: np.random.Generator) -> Canvas:
    """Print lines of letters of all sizes."""
    tile = np.full((TILE_PX, TILE_PX, 3), _color(rng), np.uint8)
    y = 0.0
    while y < TILE_PX:
        scale = float(np.exp(rng.uniform(np.log(0.35), np.log(3.0))))
        y += 34 * scale
        text = "".join(rng.choice(list(GLYPHS + "   "), 40))
        at, thick = (int(rng.integers(-40, 40)), int(y)), int(1 + 2 * scale * rng.random())
        cv2.putText(tile, text, at, int(rng.integers(0, 5)), scale, _color(rng).tolist(), thick, cv2.LINE_AA)
    return tile.astype(np.float32)


TILES: tuple[Callable[[np.random.Generator], Canvas], ...] = (
    _clouds, _clouds, _clouds, _grain, _grain, _grain, _courses, _print,
)  # fmt: skip
