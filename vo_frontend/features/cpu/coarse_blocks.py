"""The two coarse blocks, at strides 8 and 32: deformable convolutions as gathered rows times a matrix.

J. Dai et al., "Deformable Convolutional Networks", ICCV 2017, equation (2). Maps come twice: planar for the
ordinary convolution that predicts the offsets, and as a (rows * width, C) table for gathering.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from vo_frontend.compute.matmul import multiply_rows
from vo_frontend.compute.simd import LANES, fma, load, multiply, splat, store
from vo_frontend.features.cpu.convolution import MARGIN, convolve_row, neighbours
from vo_frontend.features.cpu.fine_blocks import Convolution

TAPS = 9
ONE = np.float32(1)


class Product(NamedTuple):
    """A packed matrix and its bias."""

    matrix: NDArray[np.float32]  # (groups, K, COLUMNS)
    bias: NDArray[np.float32]  # (groups * COLUMNS,)


class Deformable(NamedTuple):
    """Weights of a deformable convolution."""

    offsets: Convolution  # 3x3 to 18 channels: dy, dx of each tap
    product: Product  # of the nine samples of a pixel and, in a residual block, the block's input there


class Map(NamedTuple):
    """A map in both layouts."""

    planar: NDArray[np.float32]  # (height + 1, C, row length), the last row zero
    table: NDArray[np.float32]  # (height * width, C)


@njit
def corner(position, size):
    """Index of the pixels left and right of a position, and their weights; 0 outside the map."""
    low = np.floor(position)
    index = int(low)
    fraction = position - low
    low_weight = ONE - fraction if 0 <= index < size else np.float32(0)
    high_weight = fraction if -1 <= index < size - 1 else np.float32(0)
    return min(max(index, 0), size - 1), min(max(index + 1, 0), size - 1), low_weight, high_weight


@njit
def sample(table, x, y, width, height, target, row, column):
    """Interpolate a (height * width, C) table at x, y, zeros outside, into target[row, column:]."""
    left, right, w_left, w_right = corner(x, width)
    top, bottom, w_top, w_bottom = corner(y, height)
    a, b = top * width + left, top * width + right
    c, d = bottom * width + left, bottom * width + right
    w_a, w_b = splat(w_top * w_left), splat(w_top * w_right)
    w_c, w_d = splat(w_bottom * w_left), splat(w_bottom * w_right)
    for k in range(0, table.shape[1], LANES):
        value = multiply(w_a, load(table, (a, k)))
        value = fma(w_b, load(table, (b, k)), value)
        value = fma(w_c, load(table, (c, k)), value)
        store(fma(w_d, load(table, (d, k)), value), target, (row, column + k))


@njit
def gather_row(source, y, width, height, offsets, limit, samples):
    """Sample the nine displaced taps of each pixel of row y of ``Map`` source into (width, 9 * C)."""
    channels = source.shape[1]
    for x in range(width):
        for tap in range(TAPS):
            dy = min(max(offsets[0, 2 * tap, MARGIN + x], -limit), limit)
            dx = min(max(offsets[0, 2 * tap + 1, MARGIN + x], -limit), limit)
            tap_x = np.float32(x - 1 + tap % 3) + dx
            tap_y = np.float32(y - 1 + tap // 3) + dy
            sample(source, tap_x, tap_y, width, height, samples, x, tap * channels)


@njit(nogil=True, cache=True)
def deformable_layer(
    strip, num_strips, source, shortcut, weights, width, target, offset_rows, samples, products
):
    """Run a deformable convolution with SELU.

    Args:
        source: ``Map`` of ``width`` columns.
        shortcut: (height * width, R) table whose rows are appended to the samples; R may be zero.
        weights: ``Deformable``.
        width: columns.
        target: ``Map``, written.
        offset_rows: (threads, 1, 20, row length).
        samples: (threads, rows of whole tiles, 9 * C + R).
        products: (threads, rows of whole tiles, whole groups of columns).
    """
    height = len(source.table) // width
    channels, outputs = source.table.shape[1], target.table.shape[1]
    limit = np.float32(max(height, width) / 4)
    offsets, product = weights.offsets, weights.product
    offset_row, gathered, result = offset_rows[strip], samples[strip], products[strip]
    for y in range(height * strip // num_strips, height * (strip + 1) // num_strips):
        slots = neighbours(y, height)
        convolve_row(source.planar, slots, offsets.kernel, offsets.bias, offset_row, 0, width, False, False)
        gather_row(source.table, y, width, height, offset_row, limit, gathered)
        for x in range(width):
            for k in range(shortcut.shape[1]):
                gathered[x, TAPS * channels + k] = shortcut[y * width + x, k]
        multiply_rows(gathered, width, product.matrix, product.bias, result, True)
        target.table[y * width : (y + 1) * width] = result[:width, :outputs]
        for k in range(outputs):
            for x in range(width):
                target.planar[y, k, MARGIN + x] = result[x, k]


@njit(nogil=True, cache=True)
def deep_level(strip, num_strips, source, width, level, score, level_table, score_map, levels, scores):
    """Bring a deep block's output to its level of the pyramid, and project it for the score head.

    Args:
        source: (height * width, C) table.
        width: columns.
        level, score: ``Product`` C -> Q with SELU, and Q -> 8.
        level_table: (height * width, Q), written.
        score_map: planar map (height, 8, .), written.
        levels, scores: (threads, rows of whole tiles, whole groups of columns).
    """
    height = len(source) // width
    activated, projected = levels[strip], scores[strip]
    rows = np.empty((len(activated), source.shape[1]), np.float32)
    for y in range(height * strip // num_strips, height * (strip + 1) // num_strips):
        rows[:width] = source[y * width : (y + 1) * width]
        multiply_rows(rows, width, level.matrix, level.bias, activated, True)
        level_table[y * width : (y + 1) * width] = activated[:width, : level_table.shape[1]]
        multiply_rows(activated, width, score.matrix, score.bias, projected, False)
        for k in range(score_map.shape[1]):
            for x in range(width):
                score_map[y, k, MARGIN + x] = projected[x, k]


@njit(cache=True)
def pool_4x4(source, source_width, target):
    """Average 4x4 pixels of a (h * source_width, C) table into ``Map`` target of a quarter of the width."""
    width = source_width // 4
    channels = source.shape[1]
    for pixel in range(len(target.table)):
        y, x = pixel // width, pixel % width
        for k in range(channels):
            total = np.float32(0)
            for i in range(4):
                for j in range(4):
                    total += source[(4 * y + i) * source_width + 4 * x + j, k]
            target.table[pixel, k] = total * np.float32(1 / 16)
            target.planar[y, k, MARGIN + x] = total * np.float32(1 / 16)
