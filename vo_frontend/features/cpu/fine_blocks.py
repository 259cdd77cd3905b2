"""The two fine blocks, at strides 1 and 2: ordinary convolutions, chained row by row.

Each thread walks down its strip, four rows at a time. The rows between two convolutions live in rings of six
(row y in slot y % 6), so that only the result of a block goes to memory. Strips begin at multiples of four:
which rows are computed together does not depend on the number of threads.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import exact_kernel, part
from vo_frontend.compute.simd import LANES, widen
from vo_frontend.compute.simd_lanes import transpose
from vo_frontend.features.cpu.convolution import MARGIN, Planar, clear_row, convolve_row
from vo_frontend.features.cpu.winograd import REACH, STEP, FourRows, Rows6, convolve_rows, slots_of
from vo_frontend.types import Image

HIGHEST_GREY = np.float32(255)
FOUR = (0, 1, 2, 3)
QUARTER, SIXTEENTH = np.float32(0.25), np.float32(0.0625)


class Convolution(NamedTuple):
    """A packed kernel and its bias, see ``convolve_row``."""

    kernel: NDArray[Any]  # (groups, channels, taps, 4)
    bias: NDArray[np.float32]  # (4 * groups,)


class SecondBlock(NamedTuple):
    """Weights of the block at stride 2 and of what its level contributes."""

    first: FourRows
    second: FourRows  # its bias stands in ``shortcut``
    shortcut: Convolution  # 1x1 from the input of the block
    level: Convolution  # 1x1 to the level of the pyramid
    score: Convolution  # 1x1 from the level to the first layer of the score head


class PaddedSize(NamedTuple):
    """Size of the padded image in px, and where the image lies in it."""

    height: int
    width: int
    top: int
    left: int


@part
def fill_input_row(image: Image, padded_size: PaddedSize, y: int, target: Planar, slot: int) -> None:
    """Write row y of the padded image in [0, 1]: edges repeated, zeros above and below it.

    image: (H, W, C) uint8. target: (rows, C or more, row length) float32, its row ``slot`` is written.
    """
    if y < 0 or y >= padded_size.height:
        clear_row(target, slot)
        return
    last_row, last_column = image.shape[0] - 1, image.shape[1] - 1
    source_y = min(max(y - padded_size.top, 0), last_row)
    for channel in range(image.shape[2]):
        row = target[slot, channel]
        for x in range(image.shape[1]):
            row[MARGIN + padded_size.left + x] = np.float32(image[source_y, x, channel]) / HIGHEST_GREY
        start = MARGIN + padded_size.left
        for x in range(MARGIN, start):
            row[x] = row[start]
        for x in range(start + last_column + 1, MARGIN + padded_size.width):
            row[x] = row[start + last_column]


@part
def average_2x2(source: Planar, y: int, target: Planar, width: int) -> None:
    """Pool rows y and y + 1 of a planar map (H, C, .) into row y // 2 of another, of ``width`` columns."""
    for channel in range(source.shape[1]):
        upper, lower = source[y, channel, MARGIN:], source[y + 1, channel, MARGIN:]
        row = target[y // 2, channel, MARGIN:]
        for x in range(width):
            total = widen(upper[2 * x]) + widen(upper[2 * x + 1])
            row[x] = QUARTER * (total + widen(lower[2 * x]) + widen(lower[2 * x + 1]))


@exact_kernel
def first_block(
    strip: int,
    num_strips: int,
    image: Image,
    padded_size: PaddedSize,
    first: Convolution,
    second: FourRows,
    output: Planar,
    pooled: Planar,
    input_rings: NDArray[np.float32],
    rings: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:
    """Run the block at stride 1 and pool its output by two.

    Args:
        strip, num_strips: which share of the rows to do.
        image: (H, W, 1 or 3) uint8.
        padded_size: of the image.
        first, second: weights; ``first`` for as many channels as the image has.
        output: planar map of the padded size, written.
        pooled: planar map of half that size and one row of zeros, written.
        input_rings: (threads, 3, 3, row length) float32; margins zero.
        rings: (threads, 6, channels, row length) float32; margins zero.
        sums: of all threads, see ``make_sums``.
    """
    quads, width = padded_size.height // STEP, padded_size.width
    start, stop = STEP * (quads * strip // num_strips), STEP * (quads * (strip + 1) // num_strips)
    pixels, ring = input_rings[strip], rings[strip]
    fill_input_row(image, padded_size, start - 2, pixels, (start - 2) % 3)
    fill_input_row(image, padded_size, start - 1, pixels, (start - 1) % 3)
    for y in range(start - 1, stop + 1):
        fill_input_row(image, padded_size, y + 1, pixels, (y + 1) % 3)
        slots = ((y - 1) % 3, y % 3, (y + 1) % 3)
        if 0 <= y < padded_size.height:
            convolve_row(pixels, slots, first.kernel, first.bias, ring, y % REACH, width, False, True)
        else:
            clear_row(ring, y % REACH)
        if y > start and y % STEP == 0:
            top = y - STEP
            rows = (top, top + 1, top + 2, top + 3)
            convolve_rows(ring, slots_of(top - 1), second, output, rows, width, False, True, sums[strip])
            average_2x2(output, top, pooled, width // 2)
            average_2x2(output, top + 2, pooled, width // 2)


@part
def average_4x4(source: Planar, target: Planar, table: NDArray[np.float32], row: int, width: int) -> None:
    """Pool the four rows of a planar map into a row of another and of a (rows * width, C) table."""
    for channel in range(table.shape[1]):
        for x in range(width):
            total = np.float32(0)
            for i in range(4):
                for j in range(4):
                    total += source[i, channel, MARGIN + 4 * x + j]
            target[row, channel, MARGIN + x] = SIXTEENTH * total
            table[row * width + x, channel] = SIXTEENTH * total


@exact_kernel
def second_block(
    strip: int,
    num_strips: int,
    source: Planar,
    weights: SecondBlock,
    width: int,
    level: NDArray[Any],
    score: Planar,
    pooled: Planar,
    pooled_table: NDArray[np.float32],
    rings: NDArray[np.float32],
    outputs: NDArray[np.float32],
    level_rows: NDArray[Any],
    sums: NDArray[np.float32],
) -> None:
    """Run the block at stride 2, its level of the pyramid, and pool its output by four.

    Args:
        strip, num_strips: which share of the rows to do.
        source: planar map (h + 1, C1, .) of ``width`` columns; its last row is zero.
        weights: of the block.
        width: columns of ``source``, a multiple of 16.
        level: (h * width, Q) table, float32 or bfloat16, written: the activated level.
        score: planar map (h, 8, .), written: what the level adds to the score head's first layer.
        pooled, pooled_table: planar map and table (h / 4 * width / 4, C2), written.
        rings: (threads, 6, C2, row length) float32; margins zero.
        outputs: (threads, 4, C2, row length) float32.
        level_rows: (threads, 1, Q, row length), of the type of ``level``.
        sums: of all threads, see ``make_sums``.
    """
    first, second, shortcut, to_level, to_score = weights
    height = source.shape[0] - 1
    quads = height // STEP
    start, stop = quads * strip // num_strips, quads * (strip + 1) // num_strips
    ring, output, level_row = rings[strip], outputs[strip], level_rows[strip]
    for quad in range(start - 1, stop):
        # The first convolution runs a row ahead of the second, which sees the row below its own.
        ahead = STEP * quad + 1
        slots = slots_of(ahead)
        convolve_rows(
            source, rows_around(ahead, height), first, ring, slots[:4], width, False, True, sums[strip]
        )
        for y in range(ahead, ahead + STEP):
            if y < 0 or y >= height:
                clear_row(ring, y % REACH)
        if quad < start:
            continue
        top = STEP * quad
        for k in range(STEP):
            convolve_row(source, (top + k,), shortcut.kernel, shortcut.bias, output, k, width, False, False)
        convolve_rows(ring, slots_of(top - 1), second, output, FOUR, width, True, True, sums[strip])
        for k in range(STEP):
            row = top + k
            convolve_row(output, (k,), to_level.kernel, to_level.bias, level_row, 0, width, False, True)
            convolve_row(level_row, (0,), to_score.kernel, to_score.bias, score, row, width, False, False)
            for x in range(0, width, LANES):
                for channel in range(0, level.shape[1], LANES):
                    transpose(level_row, (0, channel, MARGIN + x), level, (row * width + x, channel))
        average_4x4(output, pooled, pooled_table, quad, width // 4)


@part
def rows_around(y: int, height: int) -> Rows6:
    """Find rows y - 1 to y + 4 of a planar map whose extra last row, of zeros, stands for the outside."""
    return (
        y - 1 if 0 < y <= height else height,
        y if 0 <= y < height else height,
        y + 1 if -1 <= y < height - 1 else height,
        y + 2 if -2 <= y < height - 2 else height,
        y + 3 if -3 <= y < height - 3 else height,
        y + 4 if -4 <= y < height - 4 else height,
    )
