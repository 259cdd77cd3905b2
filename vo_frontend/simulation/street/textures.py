"""The surfaces of the street, painted once at start-up from a seed.

Each has detail from half a metre down to a centimetre or two, so that corners exist near and far.
Big layers are 1024 texels for 16 m (64 texels per metre).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.simulation.street.facade_textures import paint_facade, paint_shops
from vo_frontend.simulation.street.noise import fractal_noise, random_color, stained

Layer = NDArray[np.uint8]  # (S, S, 3) RGB or (S, S, 4) RGBA

NUM_FACADES = 6
ATLAS_CELLS = 4  # posters and the like: 4x4 pictures per layer
WORDS = (
    "CAFE", "OPEN", "SALE", "JAZZ", "CINE", "EXPO", "TAXI", "BUS 42", "CIRCUS", "RADIO", "PARK", "MUSIC",
    "VOTE", "TOUR", "LIVE", "FILM", "GARAGE", "HOTEL", "PIZZA", "BOOKS", "-50%", "P", "2026", "MARKT",
)  # fmt: skip


def paint_layers(rng: np.random.Generator) -> dict[str, Layer]:
    """Paint every layer that the street uses, by name; each from its own random stream, so in any order."""
    facades = {f"facade{i}": partial(paint_facade, style=i) for i in range(NUM_FACADES)}
    painters: dict[str, Callable[[np.random.Generator], Layer]] = {
        **facades,
        "shops0": paint_shops,
        "shops1": paint_shops,
        "asphalt": _asphalt,
        "paving": _paving,
        "posters": _posters,
        "concrete": _concrete,
        "leaves": _leaves,
        "car": _car,
        "clouds": _clouds,
    }
    with ThreadPoolExecutor() as pool:
        layers = pool.map(lambda paint, stream: paint(stream), painters.values(), rng.spawn(len(painters)))
        return dict(zip(painters, layers, strict=True))


def _asphalt(rng: np.random.Generator) -> Layer:
    size = 1024
    grain = rng.normal(0.0, 13.0, (size, size)) + 12.0 * cv2.GaussianBlur(
        rng.normal(0, 3, (size, size)), (0, 0), 1.2
    )
    gray = 92.0 + 34.0 * fractal_noise(rng, size, 8, 4) + grain
    canvas = np.clip(gray, 0, 255).astype(np.uint8)
    for _ in range(26):  # repairs: darker or lighter rectangles with a tar seam
        x, y, w, h = (int(v) for v in rng.integers((0, 0, 30, 30), (size, size, 200, 160)))
        patch = canvas[y : y + h, x : x + w]
        patch[:] = np.clip(patch * rng.uniform(0.62, 1.3), 0, 255)
        cv2.rectangle(
            canvas, (x, y), (x + w, y + h), int(rng.integers(25, 60)), int(rng.integers(1, 4)), cv2.LINE_AA
        )
    for _ in range(60):  # cracks
        walk = rng.integers(0, size, 2) + np.cumsum(rng.normal(0, 9, (int(rng.integers(6, 26)), 2)), axis=0)
        cv2.polylines(canvas, [walk.astype(np.int32)], False, int(rng.integers(20, 60)), 1, cv2.LINE_AA)
    for _ in range(260):  # oil, chewing gum, leaves
        center = tuple(int(v) for v in rng.integers(0, size, 2))
        axes = tuple(int(v) for v in rng.integers(1, 7, 2))
        cv2.ellipse(
            canvas,
            center,
            axes,
            int(rng.integers(0, 180)),
            0,
            360,
            int(rng.integers(25, 200)),
            -1,
            cv2.LINE_AA,
        )
    return stained(rng, np.repeat(canvas[..., None], 3, axis=2), 0.1)


def _paving(rng: np.random.Generator) -> Layer:
    size, slab = 1024, 32
    cells = size // slab
    base = (
        np.array((158.0, 150.0, 138.0))
        + rng.normal(0, 15, (cells, cells, 1))
        + rng.normal(0, 4, (cells, cells, 3))
    )
    canvas = np.repeat(np.repeat(base, slab, axis=0), slab, axis=1)
    canvas[::slab] *= 0.62
    canvas[:, ::slab] *= 0.62
    canvas += rng.normal(0, 7, (size, size, 1)) + 20.0 * fractal_noise(rng, size, 8, 4)[..., None]
    image = np.ascontiguousarray(np.clip(canvas, 0, 255).astype(np.uint8))
    for _ in range(420):
        center = tuple(int(v) for v in rng.integers(0, size, 2))
        shade = int(rng.integers(40, 210))
        cv2.circle(image, center, int(rng.integers(1, 5)), (shade, shade, shade - 8), -1, cv2.LINE_AA)
    return stained(rng, image, 0.12)


def _posters(rng: np.random.Generator) -> Layer:
    size = 1024
    image = np.zeros((size, size, 3), np.uint8)
    side = size // ATLAS_CELLS
    for number in range(ATLAS_CELLS**2):
        cell = np.full((side, side, 3), random_color(rng, 0.75, 0.35), np.uint8)
        for _ in range(int(rng.integers(4, 9))):
            color = random_color(rng, float(rng.uniform(0.2, 1.0)), 0.7)
            corner = rng.integers(0, side, 2)
            extent = rng.integers(18, side // 2, 2)
            if rng.random() < 0.5:
                cv2.rectangle(cell, corner.tolist(), (corner + extent).tolist(), color, -1)
            else:
                cv2.circle(cell, corner.tolist(), int(extent[0]) // 2, color, -1, cv2.LINE_AA)
        for line in range(int(rng.integers(2, 4))):
            word = str(rng.choice(WORDS))
            scale = float(rng.uniform(1.2, 2.4)) * 4 / max(len(word), 3)
            at = (int(rng.integers(6, 24)), 60 + 80 * line + int(rng.integers(0, 24)))
            dark = random_color(rng, 0.15 if rng.random() < 0.6 else 1.0, 0.4)
            cv2.putText(cell, word, at, cv2.FONT_HERSHEY_DUPLEX, scale, dark, 5, cv2.LINE_AA)
        for row in range(int(side * 0.88), side - 10, 8):  # small print
            for x in range(12, side - 30, 24):
                cv2.line(cell, (x, row), (x + int(rng.integers(6, 20)), row), (40, 40, 40), 2)
        cv2.rectangle(cell, (0, 0), (side - 1, side - 1), random_color(rng, 0.25, 0.2), 6)
        y, x = divmod(number, ATLAS_CELLS)
        image[y * side : (y + 1) * side, x * side : (x + 1) * side] = cell
    return stained(rng, image, 0.08)


def _concrete(rng: np.random.Generator) -> Layer:
    size = 512
    gray = 190.0 + 40.0 * fractal_noise(rng, size, 16, 5) + rng.normal(0, 8, (size, size))
    image = np.repeat(np.clip(gray, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    for _ in range(160):
        start = rng.integers(0, size, 2)
        end = start + rng.normal(0, 12, 2).astype(int)
        cv2.line(image, start.tolist(), end.tolist(), (int(rng.integers(80, 150)),) * 3, 1, cv2.LINE_AA)
    return image


def _leaves(rng: np.random.Generator) -> Layer:
    size = 512
    color = np.full((size, size, 3), (38, 62, 26), np.uint8)  # also where transparent: mip levels blend it in
    alpha = np.zeros((size, size, 1), np.uint8)
    count = 1500
    for i in range(count):
        radius, angle = 0.44 * size * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        at = (int(size / 2 + radius * np.cos(angle)), int(size / 2 + radius * np.sin(angle)))
        axes = (int(rng.integers(7, 17)), int(rng.integers(4, 9)))
        turn = int(rng.integers(0, 180))
        light = 0.35 + 0.65 * i / count  # later leaves lie on top, in the sun
        green = tuple(int(v) for v in light * np.array((104, 146, 62)) * rng.uniform(0.75, 1.25, 3))
        cv2.ellipse(color, at, axes, turn, 0, 360, green, -1, cv2.LINE_AA)
        cv2.ellipse(alpha, at, axes, turn, 0, 360, 255, -1)
    return np.concatenate([color, alpha], axis=2)


def _car(rng: np.random.Generator) -> Layer:
    """Left to right, top to bottom: side, front; cabin side, cabin front. White paint, tinted per car."""
    side = 256
    body, front, cabin, screen = (np.full((side, side, 3), 225, np.uint8) for _ in range(4))
    for x in (26, 178):  # wheels
        cv2.circle(body, (x + 26, 222), 44, (18, 18, 18), -1, cv2.LINE_AA)
        cv2.circle(body, (x + 26, 222), 22, (150, 150, 155), -1, cv2.LINE_AA)
        for angle in np.arange(0, 2 * np.pi, np.pi / 3):
            tip = (int(x + 26 + 20 * np.cos(angle)), int(222 + 20 * np.sin(angle)))
            cv2.line(body, (x + 26, 222), tip, (60, 60, 60), 4)
    cv2.rectangle(body, (0, 200), (255, 255), (70, 70, 70), 6)
    for x in (88, 132, 176):
        cv2.line(body, (x, 0), (x, 190), (90, 90, 90), 3)
        cv2.rectangle(body, (x - 26, 50), (x - 8, 60), (60, 60, 60), -1)
    cv2.line(body, (0, 92), (255, 80), (170, 170, 170), 4)
    cv2.rectangle(front, (70, 120), (186, 180), (30, 30, 30), -1)
    for y in range(126, 180, 10):
        cv2.line(front, (72, y), (184, y), (120, 120, 120), 2)
    for x in (12, 196):
        cv2.rectangle(front, (x, 90), (x + 48, 140), (235, 240, 190), -1)
        cv2.rectangle(front, (x, 90), (x + 48, 140), (60, 60, 60), 4)
    cv2.rectangle(front, (84, 196), (172, 226), (250, 250, 250), -1)
    cv2.putText(front, "VO 26", (90, 220), cv2.FONT_HERSHEY_DUPLEX, 0.8, (10, 10, 10), 2, cv2.LINE_AA)
    cv2.rectangle(front, (0, 232), (255, 255), (50, 50, 50), -1)
    for x in (10, 134):
        cv2.rectangle(cabin, (x, 30), (x + 112, 220), (52, 62, 72), -1)
        cv2.line(cabin, (x + 20, 215), (x + 80, 35), (120, 130, 140), 8, cv2.LINE_AA)
    cv2.rectangle(screen, (16, 30), (240, 230), (46, 56, 66), -1)
    cv2.line(screen, (40, 220), (150, 40), (130, 140, 150), 10, cv2.LINE_AA)
    cv2.circle(screen, (190, 180), 26, (25, 25, 25), -1, cv2.LINE_AA)
    layer = np.concatenate([np.concatenate([body, front], 1), np.concatenate([cabin, screen], 1)], 0)
    return stained(rng, layer, 0.05)


def _clouds(rng: np.random.Generator) -> Layer:
    size = 512
    cover = np.clip(0.35 + 0.9 * fractal_noise(rng, size, 4, 6), 0, 1)[..., None]
    sky, cloud = np.array((128.0, 168.0, 214.0)), np.array((240.0, 240.0, 242.0))
    return (sky + cover * (cloud - sky)).astype(np.uint8)
