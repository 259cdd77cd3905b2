"""The two coarse blocks, at strides 8 and 32: deformable convolutions as gathered rows times a matrix.

J. Dai et al., "Deformable Convolutional Networks", ICCV 2017, equation (2). Maps come twice: planar for the
ordinary convolution that predicts the offsets, and as a (rows * width, C) table for gathering.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import exact_kernel, inlined_part, part
from vo_frontend.compute.matmul import copy_rows, multiply_rows, put_columns
from vo_frontend.compute.simd import LANES, fma, load, multiply, splat
from vo_frontend.compute.simd_lanes import transpose
from vo_frontend.features.cpu.convolution import MARGIN, Planar, convolve_row, neighbours
from vo_frontend.features.cpu.fine_blocks import Convolution

TAPS = 9
ONE = np.float32(1)


class Product(NamedTuple):
    """A packed matrix and its bias, see ``multiply_rows``."""

    matrix: NDArray[Any]  # (groups, K, COLUMNS) float32, or (groups, K / 2, COLUMNS) pairs
    bias: NDArray[np.float32]  # (groups * COLUMNS,)


class Deformable(NamedTuple):
    """Weights of a deformable convolution."""

    offsets: Convolution  # 3x3 to 18 channels: dy, dx of each tap
    product: Product  # of the nine samples of a pixel and, in a residual block, the block's input there


class DualLayout(NamedTuple):
    """A map in both layouts."""

    planar: NDArray[np.float32]  # (height + 1, C, row length), the last row zero
    table: NDArray[np.float32]  # (height * width, C)


@part
def corner(position: np.float32, size: int) -> tuple[int, int, np.float32, np.float32]:
    """Find the pixels left and right of a position in px, and their weights; 0 outside the map.

    size: pixels along this axis.
    """
    low = np.floor(position)
    index = int(low)
    fraction = position - low
    low_weight = ONE - fraction if 0 <= index < size else np.float32(0)
    high_weight = fraction if -1 <= index < size - 1 else np.float32(0)
    return min(max(index, 0), size - 1), min(max(index + 1, 0), size - 1), low_weight, high_weight


@inlined_part
def aim(
    tap: int,
    y: int,
    width: int,
    height: int,
    offsets: Planar,
    limit: np.float32,
    corners: NDArray[np.uint32],
    weights: NDArray[np.float32],
) -> None:
    """Find what a displaced tap reads for each pixel of row y, and how much of it: many pixels at a time.

    Args:
        tap: number of the tap, row by row.
        y: row.
        width, height: size of the map.
        offsets: planar (1, 20, .) float32 in px: dy, dx of each tap.
        limit: of an offset in px.
        corners: (9, 4, width), written: the four pixels around, as rows of a (height * width, C) table.
        weights: (9, 4, width), written; 0 outside the map.
    """
    for x in range(width):
        dy = min(max(offsets[0, 2 * tap, MARGIN + x], -limit), limit)
        dx = min(max(offsets[0, 2 * tap + 1, MARGIN + x], -limit), limit)
        left, right, w_left, w_right = corner(np.float32(x - 1 + tap % 3) + dx, width)
        top, bottom, w_top, w_bottom = corner(np.float32(y - 1 + tap // 3) + dy, height)
        corners[tap, 0, x], weights[tap, 0, x] = top * width + left, w_top * w_left
        corners[tap, 1, x], weights[tap, 1, x] = top * width + right, w_top * w_right
        corners[tap, 2, x], weights[tap, 2, x] = bottom * width + left, w_bottom * w_left
        corners[tap, 3, x], weights[tap, 3, x] = bottom * width + right, w_bottom * w_right


@part
def gather_row(
    table: NDArray[np.float32],
    y: int,
    width: int,
    offsets: Planar,
    limit: np.float32,
    corners: NDArray[np.uint32],
    weights: NDArray[np.float32],
    samples: NDArray[Any],
) -> None:
    """Sample the nine displaced taps of each pixel of row y.

    Args:
        table: (height * width, C) float32.
        y: row.
        width: of the map.
        offsets: planar (1, 20, .) float32 in px: dy, dx of each tap.
        limit: of an offset in px.
        corners, weights: (9, 4, width), written: see ``aim``.
        samples: (width or more, 9 * C or more) float32, or half as many pairs, written.
    """
    channels = table.shape[1]
    for tap in range(TAPS):
        aim(tap, y, width, len(table) // width, offsets, limit, corners, weights)
    for x in range(width):
        for tap in range(TAPS):
            a, b, c, d = corners[tap, 0, x], corners[tap, 1, x], corners[tap, 2, x], corners[tap, 3, x]
            w_a, w_b = splat(weights[tap, 0, x]), splat(weights[tap, 1, x])
            w_c, w_d = splat(weights[tap, 2, x]), splat(weights[tap, 3, x])
            for k in range(0, channels, LANES):
                value = multiply(w_a, load(table, (a, k)))
                value = fma(w_b, load(table, (b, k)), value)
                value = fma(w_c, load(table, (c, k)), value)
                put_columns(fma(w_d, load(table, (d, k)), value), samples, x, tap * channels + k)


@exact_kernel
def deformable_layer(
    strip: int,
    num_strips: int,
    source: DualLayout,
    shortcut: NDArray[np.float32],
    weights: Deformable,
    width: int,
    target: DualLayout,
    offset_rows: NDArray[np.float32],
    samples: NDArray[Any],
    products: NDArray[np.float32],
) -> None:
    """Run a deformable convolution with SELU.

    Args:
        strip, num_strips: which share of the rows to do.
        source: map of ``width`` columns.
        shortcut: (height * width, R) float32 table whose rows are appended to the samples;
            R is a multiple of LANES and may be zero.
        weights: of the layer.
        width: columns.
        target: map of as many rows and columns, written.
        offset_rows: (threads, 1, 20, row length) float32.
        samples: (threads, rows of whole tiles, 9 * C + R) float32, or half as many pairs.
        products: (threads, rows of whole tiles, whole groups of columns) float32.
    """
    height = len(source.table) // width
    channels, outputs = source.table.shape[1], target.table.shape[1]
    limit = np.float32(max(height, width) / 4)
    offsets, product = weights.offsets, weights.product
    offset_row, gathered, result = offset_rows[strip], samples[strip], products[strip]
    corners, tap_weights = np.empty((TAPS, 4, width), np.uint32), np.empty((TAPS, 4, width), np.float32)
    for y in range(height * strip // num_strips, height * (strip + 1) // num_strips):
        slots = neighbours(y, height)
        convolve_row(source.planar, slots, offsets.kernel, offsets.bias, offset_row, 0, width, False, False)
        gather_row(source.table, y, width, offset_row, limit, corners, tap_weights, gathered)
        for x in range(width):
            for k in range(0, shortcut.shape[1], LANES):
                put_columns(load(shortcut, (y * width + x, k)), gathered, x, TAPS * channels + k)
        multiply_rows(gathered, width, product.matrix, product.bias, result, True)
        copy_rows(result, 0, target.table, y * width, width)
        for k in range(0, outputs, LANES):
            for x in range(0, width, LANES):
                transpose(result, (x, k), target.planar, (y, k, MARGIN + x))
        for k in range(outputs):
            target.planar[y, k, MARGIN + width] = 0


@exact_kernel
def coarse_level(
    strip: int,
    num_strips: int,
    source: NDArray[np.float32],
    width: int,
    level: Product,
    score: Product,
    level_table: NDArray[np.float32],
    score_map: Planar,
    levels: NDArray[np.float32],
    scores: NDArray[np.float32],
) -> None:
    """Bring a coarse block's output to its level of the pyramid, and project it for the score head.

    Args:
        strip, num_strips: which share of the rows to do.
        source: (height * width, C) float32 table.
        width: columns.
        level, score: weights C -> Q with SELU, and Q -> 8.
        level_table: (height * width, Q) float32, written.
        score_map: planar map (height, 8, .) float32, written.
        levels, scores: (threads, rows of whole tiles, whole groups of columns) float32.
    """
    height = len(source) // width
    activated, projected = levels[strip], scores[strip]
    rows = np.empty((len(activated), source.shape[1]), np.float32)
    for y in range(height * strip // num_strips, height * (strip + 1) // num_strips):
        copy_rows(source, y * width, rows, 0, width)
        multiply_rows(rows, width, level.matrix, level.bias, activated, True)
        copy_rows(activated, 0, level_table, y * width, width)
        multiply_rows(activated, width, score.matrix, score.bias, projected, False)
        for k in range(score_map.shape[1]):
            for x in range(width):
                score_map[y, k, MARGIN + x] = projected[x, k]


@exact_kernel
def pool_4x4(
    strip: int, num_strips: int, source: NDArray[np.float32], source_width: int, target: DualLayout
) -> None:
    """Average 4x4 pixels of a (h * source_width, C) table into ``target``, a quarter as wide and high."""
    width = source_width // 4
    channels, num_pixels = source.shape[1], len(target.table)
    for pixel in range(num_pixels * strip // num_strips, num_pixels * (strip + 1) // num_strips):
        y, x = pixel // width, pixel % width
        for k in range(channels):
            total = np.float32(0)
            for i in range(4):
                for j in range(4):
                    total += source[(4 * y + i) * source_width + 4 * x + j, k]
            target.table[pixel, k] = total * np.float32(1 / 16)
            target.planar[y, k, MARGIN + x] = total * np.float32(1 / 16)
