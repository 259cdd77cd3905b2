"""The dense map of features, evaluated only at the pixels that descriptors read."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.activations import selu
from vo_frontend.compute.compilation import part
from vo_frontend.compute.simd import LANES, fma, load, multiply, prefetch, splat, store
from vo_frontend.compute.simd_lanes import total
from vo_frontend.compute.simd_pairs import multiply_add
from vo_frontend.features.cpu.coarse_blocks import corner
from vo_frontend.features.cpu.convolution import MARGIN, Planar
from vo_frontend.features.cpu.fine_blocks import PaddedSize

PATCH = 9
STRIDES = (2, 8, 32)  # of the coarser levels
ZERO, ONE = np.float32(0), np.float32(1)
SHORTEST = np.float32(1e-12)  # vectors are not made longer than this would


class Pyramid(NamedTuple):
    """The four levels of the dense map: the finest as what it is computed from, the others as tables."""

    finest: Planar  # (H, C1, .), output of block 1
    finest_matrix: NDArray[Any]  # (C1, Q), followed by SELU; pairs, (C1 / 2, Q), where ``finest`` has them
    level2: NDArray[Any]  # (h * w, Q), float32 or bfloat16
    level3: NDArray[np.float32]  # (h * w, Q)
    level4: NDArray[np.float32]  # (h * w, Q)


class Pixels(NamedTuple):
    """Pixels of the image without padding, and the length that the feature there is given."""

    x: NDArray[np.int32]  # (4 * M,)
    y: NDArray[np.int32]  # (4 * M,)
    weight: NDArray[np.float32]  # (4 * M,)
    corner: NDArray[np.uint32]  # (3, 4 * M) row in the tables of the coarser levels: the pixel left above
    right: NDArray[np.float32]  # (3, 4 * M) how much the one right of that counts
    bottom: NDArray[np.float32]  # (3, 4 * M) how much the ones below count


@part
def patch_pixels(x: int, y: int, size: tuple[int, int], pixels: Pixels) -> None:
    """Choose the 3x3 pixels around x, y, each with weight 1; 0 outside the image.

    size: height, width of the image in px.
    """
    for tap in range(PATCH):
        tap_x, tap_y = x + tap % 3 - 1, y + tap // 3 - 1
        inside = 0 <= tap_x < size[1] and 0 <= tap_y < size[0]
        pixels.x[tap] = min(max(tap_x, 0), size[1] - 1)
        pixels.y[tap] = min(max(tap_y, 0), size[0] - 1)
        pixels.weight[tap] = ONE if inside else ZERO


@part
def bilinear_pixels(x: np.float32, y: np.float32, size: tuple[int, int], pixels: Pixels, first: int) -> None:
    """Choose the four pixels around x, y in px, with their weights, 0 outside the image.

    size: height, width of the image in px. pixels: written from index ``first`` on.
    """
    left, right, w_left, w_right = corner(x, size[1])
    top, bottom, w_top, w_bottom = corner(y, size[0])
    for k in range(4):
        pixels.x[first + k] = right if k % 2 else left
        pixels.y[first + k] = bottom if k // 2 else top
        pixels.weight[first + k] = (w_right if k % 2 else w_left) * (w_bottom if k // 2 else w_top)


@part
def read_finest(
    finest: Planar,
    matrix: NDArray[Any],
    pixels: Pixels,
    count: int,
    padded_size: PaddedSize,
    features: NDArray[np.float32],
) -> None:
    """Evaluate the finest level at ``count`` pixels, into the first columns of ``features`` (P, dim).

    finest: planar map (H, C1, .); matrix: (C1, Q), or both pairs.
    """
    for k in range(0, matrix.shape[1], LANES):
        for i in range(count):
            x, y = MARGIN + padded_size.left + pixels.x[i], padded_size.top + pixels.y[i]
            value = splat(ZERO)
            for c in range(matrix.shape[0]):
                value = multiply_add(finest[y, c, x], load(matrix, (c, k)), value)
            store(selu(value), features, (i, k))


@part
def locate(pixels: Pixels, count: int, padded_size: PaddedSize) -> None:
    """Find where ``count`` pixels lie in the coarser levels, corners aligned."""
    for level in range(len(STRIDES)):
        width, height = padded_size.width // STRIDES[level], padded_size.height // STRIDES[level]
        x_scale = np.float32((width - 1) / (padded_size.width - 1))
        y_scale = np.float32((height - 1) / (padded_size.height - 1))
        for i in range(count):
            x = np.float32(padded_size.left + pixels.x[i]) * x_scale
            y = np.float32(padded_size.top + pixels.y[i]) * y_scale
            left, top = min(int(x), width - 2), min(int(y), height - 2)
            pixels.corner[level, i] = top * width + left
            pixels.right[level, i] = x - np.float32(left)
            pixels.bottom[level, i] = y - np.float32(top)


@part
def fetch_pixels(pyramid: Pyramid, padded_size: PaddedSize, pixels: Pixels, count: int) -> None:
    """Ask for what ``read_pixels`` will read, while the keypoint before is still worked on.

    The two finest levels are larger than the second-level cache, and pixels lie all over them: waiting for
    them one by one would take longer than all arithmetic.
    """
    width = np.uint32(padded_size.width // STRIDES[0])
    for i in range(count):
        x, y = MARGIN + padded_size.left + pixels.x[i], padded_size.top + pixels.y[i]
        for c in range(pyramid.finest_matrix.shape[0]):
            prefetch(pyramid.finest, (y, c, x))
        upper = pixels.corner[0, i]
        lower = np.uint32(upper + width)
        for k in range(0, pyramid.level2.shape[1], LANES):
            prefetch(pyramid.level2, (upper, k))
            prefetch(pyramid.level2, (upper + 1, k))
            prefetch(pyramid.level2, (lower, k))
            prefetch(pyramid.level2, (lower + 1, k))


@part
def read_level(
    table: NDArray[Any], level: int, width: int, pixels: Pixels, count: int, features: NDArray[np.float32]
) -> None:
    """Read a coarser level's table (h * width, Q) into its columns of ``features`` (P, dim).

    level: 0, 1, 2 from fine to coarse.
    """
    column = (level + 1) * table.shape[1]
    for i in range(count):
        w_right, w_bottom = pixels.right[level, i], pixels.bottom[level, i]
        w_left, w_top = ONE - w_right, ONE - w_bottom
        upper = pixels.corner[level, i]
        lower = np.uint32(upper + np.uint32(width))
        for k in range(0, table.shape[1], LANES):
            value = multiply(splat(w_top * w_left), load(table, (upper, k)))
            value = fma(splat(w_top * w_right), load(table, (upper + 1, k)), value)
            value = fma(splat(w_bottom * w_left), load(table, (lower, k)), value)
            value = fma(splat(w_bottom * w_right), load(table, (lower + 1, k)), value)
            store(value, features, (i, column + k))


@part
def read_pixels(
    pyramid: Pyramid, padded_size: PaddedSize, pixels: Pixels, count: int, features: NDArray[np.float32]
) -> None:
    """Evaluate the dense map at ``count`` pixels into ``features`` (P, dim), each of its weight as length."""
    read_finest(pyramid.finest, pyramid.finest_matrix, pixels, count, padded_size, features)
    read_level(pyramid.level2, 0, padded_size.width // STRIDES[0], pixels, count, features)
    read_level(pyramid.level3, 1, padded_size.width // STRIDES[1], pixels, count, features)
    read_level(pyramid.level4, 2, padded_size.width // STRIDES[2], pixels, count, features)
    scale_rows(features, count, pixels.weight)


@part
def scale_rows(table: NDArray[np.float32], count: int, length: NDArray[np.float32]) -> None:
    """Give the first rows of a table (R, C) the Euclidean length asked for, (count,)."""
    for row in range(count):
        squares = splat(ZERO)
        for k in range(0, table.shape[1], LANES):
            value = load(table, (row, k))
            squares = fma(value, value, squares)
        factor = splat(length[row] / max(np.sqrt(total(squares)), SHORTEST))
        for k in range(0, table.shape[1], LANES):
            store(multiply(factor, load(table, (row, k))), table, (row, k))
