"""3x3 convolutions of planar maps, four rows at a time: half the multiplications.

S. Winograd, "Arithmetic Complexity of Computations", SIAM 1980; A. Lavin and S. Gray, "Fast Algorithms for
Convolutional Neural Networks", CVPR 2016. Down the columns, F(4, 3): four rows of a 3x3 convolution are
sums of six products instead of twelve. Along the rows the three taps stay what they are, so that vectors lie
in memory as they are needed; in both directions the rounding would be several times larger, too.

Six input rows of a tile become six sums of them, each is convolved along x with a kernel of three taps of its
own, and the six results become four output rows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.activations import selu
from vo_frontend.compute.aligned import aligned_copy, aligned_zeros
from vo_frontend.compute.compilation import inlined_part, part
from vo_frontend.compute.simd import LANES, Vector, add, fma, load, prefetch, splat, store, subtract
from vo_frontend.features.cpu.convolution import (
    GROUP,
    MARGIN,
    TILE,
    Planar,
    fma_tile,
    load_tile,
    splat_tile,
    store_tile,
)

STEP = 4  # output rows
REACH = 6  # input rows they see, and products
TAPS = 3  # along a row
SPAN = TILE + LANES  # columns of a tile and of its neighbours
ZERO, TWO, FOUR, FIVE, EIGHT = (np.float32(value) for value in (0, 2, 4, 5, 8))
# Of the kernel's column; the interpolation points are 0, 1, -1, 2, -2 and infinity.
KERNEL_SUMS = (
    np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.float64) / 24
)

Rows4 = tuple[int, int, int, int]
Rows6 = tuple[int, int, int, int, int, int]


class FourRows(NamedTuple):
    """A 3x3 convolution packed for four rows at a time."""

    kernel: NDArray[np.float32]  # (groups, 6, channels, 3, 4)
    bias: NDArray[np.float32]  # (4 * groups,)


def pack_kernel_sums(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Order weights (D, C, 3, 3) as ``convolve_rows`` reads them: (groups of 4 outputs, 6, C, 3, 4)."""
    outputs, inputs = weight.shape[:2]
    filled = np.zeros((-(-outputs // GROUP) * GROUP, inputs, REACH, TAPS), np.float32)
    filled[:outputs] = np.einsum("ki,dcij->dckj", KERNEL_SUMS, weight)
    grouped = filled.reshape(-1, GROUP, inputs, REACH, TAPS)
    return aligned_copy(grouped.transpose(0, 3, 2, 4, 1))


def make_sums(num_threads: int, channels: int) -> NDArray[np.float32]:
    """Allocate what ``convolve_rows`` keeps of a tile of up to C channels: (threads, 6, C + 4, SPAN)."""
    return aligned_zeros((num_threads, REACH, channels + GROUP, SPAN))


@inlined_part
def sum_input(source: Planar, rows: Rows6, channel: int, x: int, sums: NDArray[np.float32]) -> None:
    """Write the six sums of six rows, for columns x - 1 to x + TILE and one channel."""
    four, minus_four, minus_five = splat(FOUR), splat(-FOUR), splat(-FIVE)
    two, minus_two = splat(TWO), splat(-TWO)
    for k in range(0, SPAN, LANES):
        column = x - 1 + k
        a = load(source, (rows[0], channel, column))
        b = load(source, (rows[1], channel, column))
        c = load(source, (rows[2], channel, column))
        d = load(source, (rows[3], channel, column))
        e = load(source, (rows[4], channel, column))
        f = load(source, (rows[5], channel, column))
        for row in rows:
            prefetch(source, (row, channel, column + TILE))
        even, odd = fma(minus_four, c, e), fma(minus_four, b, d)
        even2, odd2 = subtract(e, c), subtract(d, b)
        store(fma(four, a, fma(minus_five, c, e)), sums, (0, channel, k))
        store(add(even, odd), sums, (1, channel, k))
        store(subtract(even, odd), sums, (2, channel, k))
        store(fma(two, odd2, even2), sums, (3, channel, k))
        store(fma(minus_two, odd2, even2), sums, (4, channel, k))
        store(fma(four, b, fma(minus_five, d, f)), sums, (5, channel, k))


@inlined_part
def multiply_sums(sums: NDArray[np.float32], kernel: NDArray[np.float32], group: int, k: int) -> None:
    """Convolve sum k along x into four outputs, which go behind its channels."""
    a, b, c, d = splat_tile(ZERO), splat_tile(ZERO), splat_tile(ZERO), splat_tile(ZERO)
    channels = kernel.shape[2]
    for channel in range(channels):
        for j in range(TAPS):
            tile = load_tile(sums, k, channel, j)
            a = fma_tile(kernel[group, k, channel, j, 0], tile, a)
            b = fma_tile(kernel[group, k, channel, j, 1], tile, b)
            c = fma_tile(kernel[group, k, channel, j, 2], tile, c)
            d = fma_tile(kernel[group, k, channel, j, 3], tile, d)
    store_tile(a, sums, k, channels, 0, False)
    store_tile(b, sums, k, channels + 1, 0, False)
    store_tile(c, sums, k, channels + 2, 0, False)
    store_tile(d, sums, k, channels + 3, 0, False)


@inlined_part
def put(
    value: Vector,
    start: Vector,
    target: Planar,
    row: int,
    channel: int,
    x: int,
    accumulate: bool,
    activate: bool,
) -> None:
    """Write a vector plus ``start``, or plus what is there, through SELU if asked to."""
    value = add(value, load(target, (row, channel, x)) if accumulate else start)
    store(selu(value) if activate else value, target, (row, channel, x))


@inlined_part
def sum_output(
    sums: NDArray[np.float32],
    product: int,
    bias: np.float32,
    target: Planar,
    rows: Rows4,
    channel: int,
    x: int,
    accumulate: bool,
    activate: bool,
) -> None:
    """Turn six products (channel ``product`` of ``sums``) into a tile of four output rows."""
    start = splat(bias)
    for k in range(0, TILE, LANES):
        b, c = load(sums, (1, product, k)), load(sums, (2, product, k))
        d, e = load(sums, (3, product, k)), load(sums, (4, product, k))
        even, odd, even2, odd2 = add(b, c), subtract(b, c), add(d, e), subtract(d, e)
        first = add(load(sums, (0, product, k)), add(even, even2))
        last = add(fma(splat(EIGHT), odd2, odd), load(sums, (5, product, k)))
        put(first, start, target, rows[0], channel, x + k, accumulate, activate)
        put(fma(splat(TWO), odd2, odd), start, target, rows[1], channel, x + k, accumulate, activate)
        put(fma(splat(FOUR), even2, even), start, target, rows[2], channel, x + k, accumulate, activate)
        put(last, start, target, rows[3], channel, x + k, accumulate, activate)
        for row in rows:  # more streams than the processor follows by itself
            prefetch(target, (row, channel, x + k + TILE))


@part
def convolve_rows(
    source: Planar,
    source_rows: Rows6,
    weights: FourRows,
    target: Planar,
    rows: Rows4,
    width: int,
    accumulate: bool,
    activate: bool,
    sums: NDArray[np.float32],
) -> None:
    """Compute four rows, one below the other, of a 3x3 convolution.

    Args:
        source: planar map.
        source_rows: where the row above the four, the four, and the one below lie in it.
        weights: of the convolution; their bias is unused with ``accumulate``.
        target, rows: planar map and where to write in it.
        width: columns without margin.
        accumulate: add to what ``target`` holds.
        activate: apply SELU.
        sums: of this thread, see ``make_sums``.
    """
    kernel, bias = weights
    channels = kernel.shape[2]
    for x in range(MARGIN, MARGIN + width, TILE):
        for channel in range(channels):
            sum_input(source, source_rows, channel, x, sums)
        for group in range(kernel.shape[0]):
            for k in range(REACH):
                multiply_sums(sums, kernel, group, k)
            for i in range(GROUP):
                output = GROUP * group + i
                sum_output(sums, channels + i, bias[output], target, rows, output, x, accumulate, activate)
    for row in rows:
        for channel in range(GROUP * kernel.shape[0]):
            target[row, channel, MARGIN + width] = 0


@inlined_part
def slots_of(y: int) -> Rows6:
    """Say where rows y to y + 5 lie in a ring of six, row r in slot r % 6."""
    return y % REACH, (y + 1) % REACH, (y + 2) % REACH, (y + 3) % REACH, (y + 4) % REACH, (y + 5) % REACH
