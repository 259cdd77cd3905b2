"""The two fine blocks in pairs of bfloat16: ``fine_blocks`` where one instruction multiplies pairs.

Two multiplications at a time save what Winograd's sums of rows do, and a row needs none of its fellows: the
rings hold three rows (row y in slot y % 3), and the threads' strips begin at multiples of the pooled rows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import exact_kernel, inlined_part, part
from vo_frontend.compute.simd import LANES, load, splat, store
from vo_frontend.compute.simd_pairs import (
    HALF_LANES,
    half_of,
    multiply_add,
    pair_up,
    paired,
    transpose_pairs,
)
from vo_frontend.features.cpu.convolution import (
    GROUP,
    MARGIN,
    TILE,
    Planar,
    add_products,
    clear_column,
    clear_row,
    convolve_row,
    neighbours,
    splat_tiles,
    store_tiles,
)
from vo_frontend.features.cpu.fine_blocks import QUARTER, Convolution, PaddedSize, fill_input_row
from vo_frontend.types import Image

RING = 3  # rows
POOLED = 4  # rows of block 2 that become one
ZERO = np.float32(0)
LOWER, UPPER = pair_up(np.array([[1 / 16, 0], [0, 1 / 16]], np.float32))[:, 0]  # weights of half a pair


class PairedSecondBlock(NamedTuple):
    """Weights of the block at stride 2 and of what its level contributes, in pairs."""

    first: Convolution
    second: Convolution  # its bias includes the shortcut's
    shortcut: Convolution  # 1x1 from the input of the block
    level: Convolution  # 1x1 to the level of the pyramid
    score: Convolution  # 1x1 from the level to the first layer of the score head


@part
def average_2x2_pairs(source: Planar, y: int, target: Planar, width: int) -> None:
    """Pool rows y and y + 1 of a planar map of pairs into row y // 2 of another, of ``width`` columns."""
    for pair in range(source.shape[1]):
        upper, lower = source[y, pair, MARGIN:], source[y + 1, pair, MARGIN:]
        row = target[y // 2, pair, MARGIN:]
        for x in range(width):
            a, b, c, d = upper[2 * x], upper[2 * x + 1], lower[2 * x], lower[2 * x + 1]
            low = half_of(a, 0) + half_of(b, 0) + (half_of(c, 0) + half_of(d, 0))
            high = half_of(a, 1) + half_of(b, 1) + (half_of(c, 1) + half_of(d, 1))
            row[x] = paired(QUARTER * low, QUARTER * high)


@exact_kernel
def first_block_of_pairs(
    strip: int,
    num_strips: int,
    image: Image,
    padded_size: PaddedSize,
    first: Convolution,
    second: Convolution,
    output: Planar,
    pooled: Planar,
    input_rings: NDArray[np.float32],
    rings: NDArray[np.uint32],
) -> None:
    """Run the block at stride 1 and pool its output by two.

    Args:
        strip, num_strips: which share of the rows to do.
        image: (H, W, 1 or 3) uint8.
        padded_size: of the image.
        first: weights in float32, for as many channels as the image has.
        second: weights in pairs.
        output: planar map of pairs of the padded size, written.
        pooled: planar map of pairs of half that size and one row of zeros, written.
        input_rings: (threads, 3, 3, row length) float32; margins zero.
        rings: (threads, 3, channels / 2, row length) pairs; margins zero.
    """
    halves, width = padded_size.height // 2, padded_size.width
    start, stop = 2 * (halves * strip // num_strips), 2 * (halves * (strip + 1) // num_strips)
    pixels, ring = input_rings[strip], rings[strip]
    fill_input_row(image, padded_size, start - 2, pixels, (start - 2) % RING)
    fill_input_row(image, padded_size, start - 1, pixels, (start - 1) % RING)
    for y in range(start - 1, stop + 1):
        fill_input_row(image, padded_size, y + 1, pixels, (y + 1) % RING)
        if 0 <= y < padded_size.height:
            convolve_row(
                pixels, slots_around(y), first.kernel, first.bias, ring, y % RING, width, False, True
            )
        else:
            clear_row(ring, y % RING)
        if y > start:
            done = y - 1
            slots = slots_around(done)
            convolve_row(ring, slots, second.kernel, second.bias, output, done, width, False, True)
            if done % 2:
                average_2x2_pairs(output, done - 1, pooled, width // 2)


@part
def average_4x4_pairs(
    source: Planar,
    target: Planar,
    table: NDArray[np.float32],
    row: int,
    width: int,
    columns: NDArray[np.float32],
) -> None:
    """Pool the four rows of a map of pairs into a row of a float32 one and of a (rows * width, C) table.

    columns: (2, row length of ``source``), written: what the columns of two channels contribute.
    """
    for pair in range(table.shape[1] // 2):
        for x in range(MARGIN, MARGIN + POOLED * width, LANES):
            low, high = splat(ZERO), splat(ZERO)
            for i in range(POOLED):
                values = load(source, (i, pair, x))
                low, high = multiply_add(LOWER, values, low), multiply_add(UPPER, values, high)
            store(low, columns, (0, x))
            store(high, columns, (1, x))
        for k in range(2):
            channel, sums = 2 * pair + k, columns[k, MARGIN:]
            for x in range(width):
                total = sums[4 * x] + sums[4 * x + 1] + (sums[4 * x + 2] + sums[4 * x + 3])
                target[row, channel, MARGIN + x] = total
                table[row * width + x, channel] = total


@inlined_part
def residual_row(
    ring: Planar, source: Planar, y: int, weights: PairedSecondBlock, target: Planar, row: int, width: int
) -> None:
    """Compute row y of the block's second convolution plus its shortcut, through SELU."""
    slots = slots_around(y)
    second, shortcut = weights.second, weights.shortcut
    for x in range(MARGIN, MARGIN + width, TILE):
        for group in range(second.kernel.shape[0]):
            tiles = splat_tiles(second.bias, group)
            tiles = add_products(source, (y,), x, shortcut.kernel, group, tiles)
            tiles = add_products(ring, slots, x, second.kernel, group, tiles)
            store_tiles(tiles, target, row, group, x, True)
    clear_column(target, row, GROUP * second.kernel.shape[0], MARGIN + width)


@exact_kernel
def second_block_of_pairs(
    strip: int,
    num_strips: int,
    source: Planar,
    weights: PairedSecondBlock,
    width: int,
    level: NDArray[np.uint32],
    score: Planar,
    pooled: Planar,
    pooled_table: NDArray[np.float32],
    rings: NDArray[np.uint32],
    outputs: NDArray[np.uint32],
    level_rows: NDArray[np.uint32],
) -> None:
    """Run the block at stride 2, its level of the pyramid, and pool its output by four.

    Args:
        strip, num_strips: which share of the rows to do.
        source: planar map of pairs (h + 1, C1 / 2, .) of ``width`` columns; its last row is zero.
        weights: of the block.
        width: columns of ``source``, a multiple of 16.
        level: (h * width, Q / 2) table of pairs, written: the activated level.
        score: planar map (h, 8, .) float32, written: what the level adds to the score head's first layer.
        pooled, pooled_table: planar map and table (h / 4 * width / 4, C2) float32, written.
        rings: (threads, 3, C2 / 2, row length) pairs; margins zero.
        outputs: (threads, 4, C2 / 2, row length) pairs.
        level_rows: (threads, 1, Q / 2, row length) pairs.
    """
    height = source.shape[0] - 1
    quads = height // POOLED
    start, stop = POOLED * (quads * strip // num_strips), POOLED * (quads * (strip + 1) // num_strips)
    ring, output, level_row = rings[strip], outputs[strip], level_rows[strip]
    first, to_level, to_score = weights.first, weights.level, weights.score
    columns = np.empty((2, source.shape[2]), np.float32)
    for y in range(start - 1, stop + 1):
        if 0 <= y < height:
            rows = neighbours(y, height)
            convolve_row(source, rows, first.kernel, first.bias, ring, y % RING, width, False, True)
        else:
            clear_row(ring, y % RING)
        if y <= start:
            continue
        done = y - 1
        k = done % POOLED
        residual_row(ring, source, done, weights, output, k, width)
        convolve_row(output, (k,), to_level.kernel, to_level.bias, level_row, 0, width, False, True)
        convolve_row(level_row, (0,), to_score.kernel, to_score.bias, score, done, width, False, False)
        for x in range(0, width, LANES):
            for pair in range(0, level.shape[1], HALF_LANES):
                transpose_pairs(level_row, (0, pair, MARGIN + x), level, (done * width + x, pair))
        if k == POOLED - 1:
            average_4x4_pairs(output, pooled, pooled_table, done // POOLED, width // POOLED, columns)


@part
def slots_around(y: int) -> tuple[int, int, int]:
    """Say where rows y - 1, y and y + 1 lie in a ring."""
    return (y - 1) % RING, y % RING, (y + 1) % RING
