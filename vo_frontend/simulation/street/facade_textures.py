"""House fronts and shop windows: 16 m x 16 m at 64 texels per metre, no two windows alike."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.simulation.street.noise import Color, fractal_noise, pick_color, random_color, stained

Picture = NDArray[np.uint8]  # (H, W, 3) RGB

SIZE = 1024
FLOORS = 5
SHOP_ROWS = 4  # strips of shop fronts in one layer, each 4 m high
BRICKS = (168, 98, 74), (150, 84, 66), (186, 132, 96), (140, 104, 88)
PLASTERS = (230, 212, 176), (214, 172, 112), (214, 164, 146), (170, 184, 196), (178, 192, 162)
STONES = (206, 192, 164), (190, 184, 176), (214, 196, 158), (176, 166, 150)
SHUTTERS = (52, 92, 72), (62, 92, 130), (104, 68, 46), (118, 122, 126), (128, 52, 46)
FRAMES = (236, 232, 222), (214, 204, 184), (92, 70, 52)
SHOP_FRONTS = (
    (36, 66, 56),
    (36, 50, 84),
    (110, 40, 44),
    (196, 178, 142),
    (44, 96, 104),
    (52, 48, 48),
    (158, 110, 62),
)
SIGNS = (
    "BAKERY", "BOOKS", "CAFE ROMA", "PHARMACY", "FLOWERS", "BARBER", "RAMEN", "OPTIK", "HOTEL", "TABAC",
    "CYCLES", "GALERIE", "BANK", "SHOES", "TEA ROOM", "KIOSK",
)  # fmt: skip


def paint_facade(rng: np.random.Generator, style: int) -> Picture:
    """Paint upper floors: five rows of windows in brick, plaster or stone."""
    image = (_bricks, _plaster, _blocks)[style % 3](rng)
    columns = int(rng.integers(6, 9))
    floor_px, bay_px = SIZE // FLOORS, SIZE // columns
    frame, shutter = pick_color(rng, FRAMES), pick_color(rng, SHUTTERS)
    has_shutters = rng.random() < 0.5
    for floor in range(FLOORS):
        y = floor * floor_px
        cv2.rectangle(image, (0, y), (SIZE, y + 10), (196, 190, 178), -1)  # string course
        cv2.line(image, (0, y + 11), (SIZE, y + 11), (70, 66, 60), 2)
        for column in range(columns):
            width = int(bay_px * rng.uniform(0.42, 0.55))
            x = column * bay_px + (bay_px - width) // 2
            top, bottom = y + 48 + int(rng.integers(-6, 7)), y + floor_px - 28
            if has_shutters and rng.random() < 0.8:
                _shutters(image, x, top, width, bottom, shutter)
            _window(rng, image, x, top, width, bottom - top, frame)
    return stained(rng, image, 0.1)


def paint_shops(rng: np.random.Generator) -> Picture:
    """Paint four strips of shop fronts of 4 m x 4 m each."""
    image = np.full((SIZE, SIZE, 3), 120, np.uint8)
    unit = SIZE // SHOP_ROWS
    for row in range(SHOP_ROWS):
        for column in range(SHOP_ROWS):
            y, x = row * unit, column * unit
            image[y : y + unit, x : x + unit] = _shop(rng, unit)
    return stained(rng, image, 0.08)


def _bricks(rng: np.random.Generator) -> Picture:
    height, width = 8, 16
    rows, columns = SIZE // height, SIZE // width
    base = np.array(pick_color(rng, BRICKS), dtype=np.float64)
    tones = base * rng.normal(1.0, 0.17, (rows, columns, 1))
    canvas = np.repeat(np.repeat(tones, height, axis=0), width, axis=1)
    canvas[:, ::width] = 176.0
    for row in range(1, rows, 2):
        canvas[row * height : (row + 1) * height] = np.roll(
            canvas[row * height : (row + 1) * height], width // 2, 1
        )
    canvas[::height] = 176.0
    return np.ascontiguousarray(np.clip(canvas, 0, 255).astype(np.uint8))


def _plaster(rng: np.random.Generator) -> Picture:
    base = np.array(pick_color(rng, PLASTERS), dtype=np.float64)
    factor = 1.0 + 0.14 * fractal_noise(rng, SIZE, 16, 5) + 0.05 * rng.standard_normal((SIZE, SIZE))
    image = np.ascontiguousarray(np.clip(base * factor[..., None], 0, 255).astype(np.uint8))
    for _ in range(160):  # cracks and flakes
        walk = rng.integers(0, SIZE, 2) + np.cumsum(rng.normal(0, 7, (12, 2)), axis=0)
        tone = tuple(int(v) for v in base * rng.uniform(0.5, 0.8))
        cv2.polylines(image, [walk.astype(np.int32)], False, tone, 1, cv2.LINE_AA)
    return image


def _blocks(rng: np.random.Generator) -> Picture:
    height, width = 32, 64
    base = np.array(pick_color(rng, STONES), dtype=np.float64)
    tones = base * rng.normal(1.0, 0.11, (SIZE // height, SIZE // width, 1))
    canvas = np.repeat(np.repeat(tones, height, axis=0), width, axis=1)
    canvas[:, :2] = canvas[:, 62:64] * 0.5
    for row in range(SIZE // height):
        strip = canvas[row * height : (row + 1) * height]
        strip[:, ::width] *= 0.5
        canvas[row * height : (row + 1) * height] = np.roll(strip, int(rng.integers(0, width)), 1)
    canvas[::height] *= 0.5
    return np.ascontiguousarray(np.clip(canvas, 0, 255).astype(np.uint8))


def _window(
    rng: np.random.Generator, image: Picture, x: int, y: int, width: int, height: int, frame: Color
) -> None:
    cv2.rectangle(image, (x - 9, y - 12), (x + width + 9, y + height + 9), (182, 176, 164), -1)  # surround
    cv2.rectangle(image, (x - 9, y - 12), (x + width + 9, y + height + 9), (88, 84, 78), 2)
    glass = np.full((height, width, 3), random_color(rng, float(rng.uniform(0.14, 0.4)), 0.3), np.uint8)
    edge = int(rng.integers(0, width))  # a reflected roof line
    reflection = np.array([(0, 0), (edge, 0), (width - edge, height), (0, height)], np.int32)
    cv2.fillPoly(glass, [reflection], random_color(rng, float(rng.uniform(0.3, 0.62)), 0.3), cv2.LINE_AA)
    drop = int(height * rng.uniform(0.0, 0.7))
    if rng.random() < 0.45:  # a blind
        glass[:drop] = random_color(rng, 0.85, 0.3)
        glass[:drop:7] = glass[:drop:7] * 0.6
    elif rng.random() < 0.5:  # curtains
        side = int(width * rng.uniform(0.15, 0.4))
        glass[:, :side] = glass[:, width - side :] = random_color(rng, 0.85, 0.4)
    image[y : y + height, x : x + width] = glass
    cv2.rectangle(image, (x, y), (x + width, y + height), frame, 5)
    cv2.line(image, (x + width // 2, y), (x + width // 2, y + height), frame, 4)
    if rng.random() < 0.6:
        cv2.line(image, (x, y + height // 3), (x + width, y + height // 3), frame, 4)
    cv2.rectangle(image, (x - 13, y + height), (x + width + 13, y + height + 8), (204, 198, 188), -1)  # sill
    cv2.line(image, (x - 13, y + height + 9), (x + width + 13, y + height + 9), (60, 58, 54), 2)
    if rng.random() < 0.35:  # flower box
        cv2.rectangle(image, (x, y + height - 12), (x + width, y + height), (96, 62, 40), -1)
        for _ in range(14):
            at = (x + int(rng.integers(0, width)), y + height - 12 - int(rng.integers(0, 14)))
            cv2.circle(image, at, 4, random_color(rng, 0.85, 0.9), -1, cv2.LINE_AA)


def _shutters(image: Picture, x: int, top: int, width: int, bottom: int, color: Color) -> None:
    dark = tuple(channel // 2 for channel in color)
    for left in (x - width // 2, x + width):
        cv2.rectangle(image, (left, top), (left + width // 2 - 2, bottom), color, -1)
        for y in range(top + 6, bottom, 9):
            cv2.line(image, (left + 4, y), (left + width // 2 - 6, y), dark, 2)


def _shop(rng: np.random.Generator, unit: int) -> Picture:
    wall = pick_color(rng, SHOP_FRONTS)
    image = np.full((unit, unit, 3), wall, np.uint8)
    sign = pick_color(rng, SHOP_FRONTS)
    cv2.rectangle(image, (8, 14), (unit - 9, 62), sign, -1)
    cv2.rectangle(image, (8, 14), (unit - 9, 62), (40, 38, 36), 2)
    letters = (245, 240, 220) if sum(sign) < 380 else (30, 26, 30)
    word = str(rng.choice(SIGNS))
    (text_width, _), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, 1.0, 3)
    scale = min(1.3, (unit - 40) / text_width)
    cv2.putText(image, word, (20, 50), cv2.FONT_HERSHEY_DUPLEX, scale, letters, 3, cv2.LINE_AA)
    door = int(rng.choice([16, unit - 80]))
    left, right = (92, unit - 16) if door == 16 else (16, unit - 92)
    cv2.rectangle(image, (left, 76), (right, unit - 40), (36, 40, 46), -1)
    for shelf in range(3):  # what is on display
        y = 76 + (shelf + 1) * (unit - 116) // 3
        cv2.line(image, (left, y), (right, y), (120, 104, 84), 3)
        for _ in range(9):
            x, height = int(rng.integers(left + 4, right - 14)), int(rng.integers(8, 34))
            box = (x, y - height), (x + int(rng.integers(6, 16)), y - 2)
            cv2.rectangle(image, *box, random_color(rng, float(rng.uniform(0.4, 1.0)), 0.8), -1)
    cv2.rectangle(image, (left, 76), (right, unit - 40), (206, 200, 190), 5)
    cv2.rectangle(image, (door, 76), (door + 64, unit - 4), pick_color(rng, SHUTTERS), -1)
    cv2.rectangle(image, (door + 12, 90), (door + 52, 170), (58, 68, 76), -1)
    cv2.rectangle(image, (door, 76), (door + 64, unit - 4), (30, 28, 26), 3)
    cv2.circle(image, (door + 54, 190), 4, (220, 200, 120), -1, cv2.LINE_AA)
    image[unit - 36 :, left:right] = np.array(wall) * 0.6
    return image
