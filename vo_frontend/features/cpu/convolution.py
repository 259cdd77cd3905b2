"""Convolutions row by row on planar maps.

A planar map is an array (rows, channels, row length) whose rows begin with a margin of MARGIN zeros and
end with at least one: the zero padding of a 3x3 convolution. Beyond it lies room for whole tiles.
Working on rows lets a caller chain layers through a few rows that stay in cache.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vo_frontend.compute.activations import selu, short_selu
from vo_frontend.compute.aligned import aligned_copy, aligned_zeros
from vo_frontend.compute.compilation import inlined_part, part
from vo_frontend.compute.simd import LANES, Vector, load, splat, store
from vo_frontend.compute.simd_pairs import is_paired, multiply_add, pair_up, store_interleaved

MARGIN = 16
CACHE_LINE = 16  # floats
TILE = 3 * LANES  # columns whose sums for four channels stay in registers: 12 of at least 16
GROUP = 4  # output channels per tile

# (rows, channels, row length), float32 or bfloat16 as in ``simd``, or half as many pairs as in ``simd_pairs``
Planar = NDArray[Any]
Tile = tuple[Vector, Vector, Vector]  # of TILE columns side by side
Tiles = tuple[Tile, Tile, Tile, Tile]  # of the channels of a group


def row_length(width: int) -> int:
    """Count the elements per row and channel of a planar map of ``width`` columns.

    An odd number of cache lines of floats: of an even one, channels side by side would share few sets.
    """
    needed = MARGIN + -(-width // TILE) * TILE + LANES
    return CACHE_LINE * (-(-needed // CACHE_LINE) | 1)


def planar(num_rows: int, channels: int, width: int, dtype: DTypeLike = np.float32) -> Planar:
    """Allocate a planar map of zeros, (num_rows, whole groups of channels, row length); uint32: of pairs."""
    stored = stored_channels(-(-channels // GROUP) * GROUP, dtype)
    return aligned_zeros((num_rows, stored, row_length(width)), dtype)


def stored_channels(channels: int, dtype: DTypeLike) -> int:
    """Count the channels of an array for an even number of channels: pairs, uint32, are half as many."""
    return channels // 2 if dtype == np.uint32 else channels


def pack_kernel(weight: NDArray[np.float32], paired: bool = False) -> NDArray[Any]:
    """Order weights (D, C, k, k) as ``convolve_row`` reads them: (groups of 4 outputs, C, k * k, 4).

    paired: as pairs of inputs, uint32, and half as many of them.
    """
    outputs, inputs = weight.shape[:2]
    filled = np.zeros((-(-outputs // GROUP) * GROUP, inputs, weight.shape[2] * weight.shape[3]), np.float32)
    filled[:outputs] = weight.reshape(outputs, inputs, -1)
    packed: NDArray[Any] = filled.reshape(-1, GROUP, *filled.shape[1:]).transpose(0, 2, 3, 1)
    if paired:
        packed = np.moveaxis(pair_up(np.moveaxis(packed, 1, -1)), -1, 1)
    return aligned_copy(packed)


def pack_bias(bias: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill a bias (D,) up with zeros to whole groups, (4 * groups,)."""
    return np.pad(bias, (0, -len(bias) % GROUP)).astype(np.float32)


@part
def neighbours(y: int, height: int) -> tuple[int, int, int]:
    """Find rows y - 1, y, y + 1 of a planar map whose extra last row, of zeros, stands for the outside."""
    return (y - 1 if y > 0 else height, y, y + 1)


@part
def load_tile(source: Planar, row: int, channel: int, x: int) -> Tile:
    """Read a tile of a planar map from column x on, margin included."""
    return (
        load(source, (row, channel, x)),
        load(source, (row, channel, x + LANES)),
        load(source, (row, channel, x + 2 * LANES)),
    )


@part
def store_tile(tile: Tile, target: Planar, row: int, channel: int, x: int, activate: bool) -> None:
    """Write a tile into a planar map from column x on, through SELU if asked to."""
    if activate:
        tile = (selu(tile[0]), selu(tile[1]), selu(tile[2]))
    store(tile[0], target, (row, channel, x))
    store(tile[1], target, (row, channel, x + LANES))
    store(tile[2], target, (row, channel, x + 2 * LANES))


@part
def clear_row(target: Planar, row: int) -> None:
    """Write zeros into a row of a planar map, in all channels."""
    for channel in range(target.shape[1]):
        for x in range(target.shape[2]):
            target[row, channel, x] = 0


@inlined_part
def clear_column(target: Planar, row: int, channels: int, x: int) -> None:
    """Write zeros into a column of a row of a planar map, in the first channels, an even number."""
    for channel in range(channels // 2 if is_paired(target) else channels):
        target[row, channel, x] = 0


@part
def splat_tile(value: np.float32) -> Tile:
    """Fill a tile with a float32."""
    vector = splat(value)
    return vector, vector, vector


@part
def fma_tile(weight: Any, tile: Tile, total: Tile) -> Tile:
    """Compute weight * tile + total, lane by lane, for a float32 or a pair of weights."""
    return (
        multiply_add(weight, tile[0], total[0]),
        multiply_add(weight, tile[1], total[1]),
        multiply_add(weight, tile[2], total[2]),
    )


@inlined_part
def splat_tiles(bias: NDArray[np.float32], group: int) -> Tiles:
    """Fill the tiles of a group's channels with their bias, (4 * groups,)."""
    first = GROUP * group
    return (
        splat_tile(bias[first]),
        splat_tile(bias[first + 1]),
        splat_tile(bias[first + 2]),
        splat_tile(bias[first + 3]),
    )


@inlined_part
def load_tiles(source: Planar, row: int, group: int, x: int) -> Tiles:
    """Read tiles of a group's channels, not of pairs."""
    first = GROUP * group
    return (
        load_tile(source, row, first, x),
        load_tile(source, row, first + 1, x),
        load_tile(source, row, first + 2, x),
        load_tile(source, row, first + 3, x),
    )


@inlined_part
def store_tiles(tiles: Tiles, target: Planar, row: int, group: int, x: int, activate: bool) -> None:
    """Write tiles of a group's channels, through SELU if asked to."""
    a, b, c, d = tiles
    if is_paired(target):
        store_paired_tiles(a, b, target, row, 2 * group, x, activate)
        store_paired_tiles(c, d, target, row, 2 * group + 1, x, activate)
    else:
        first = GROUP * group
        store_tile(a, target, row, first, x, activate)
        store_tile(b, target, row, first + 1, x, activate)
        store_tile(c, target, row, first + 2, x, activate)
        store_tile(d, target, row, first + 3, x, activate)


@part
def store_paired_tiles(
    low: Tile, high: Tile, target: Planar, row: int, pair: int, x: int, activate: bool
) -> None:
    """Write tiles of two channels as pairs, through SELU if asked to."""
    if activate:
        low = (short_selu(low[0]), short_selu(low[1]), short_selu(low[2]))
        high = (short_selu(high[0]), short_selu(high[1]), short_selu(high[2]))
    store_interleaved(low[0], high[0], target, (row, pair, x))
    store_interleaved(low[1], high[1], target, (row, pair, x + LANES))
    store_interleaved(low[2], high[2], target, (row, pair, x + 2 * LANES))


@part
def convolve_row(
    source: Planar,
    rows: tuple[int, ...],
    kernel: NDArray[Any],
    bias: NDArray[np.float32],
    target: Planar,
    row: int,
    width: int,
    accumulate: bool,
    activate: bool,
) -> None:
    """Compute one row of a 1x1 or 3x3 convolution.

    Args:
        source: planar map.
        rows: tuple of one or three row indices of ``source``, top to bottom; its length is the kernel's.
        kernel: (groups, channels, taps, 4) float32, or pairs where the source has them, see ``pack_kernel``.
        bias: (4 * groups,) float32; unused with ``accumulate``.
        target, row: planar map and the row to write.
        width: columns without margin.
        accumulate: add to what ``target``, not of pairs, holds.
        activate: apply SELU.
    """
    for x in range(MARGIN, MARGIN + width, TILE):
        convolve_tile(source, rows, x, kernel, bias, target, row, x, accumulate, activate)
    clear_column(target, row, GROUP * kernel.shape[0], MARGIN + width)


@inlined_part
def convolve_tile(
    source: Planar,
    rows: tuple[int, ...],
    source_x: int,
    kernel: NDArray[Any],
    bias: NDArray[np.float32],
    target: Planar,
    row: int,
    x: int,
    accumulate: bool,
    activate: bool,
) -> None:
    """Compute TILE columns of ``convolve_row``, from ``source_x`` of the source to x of the target."""
    for group in range(kernel.shape[0]):
        tiles = load_tiles(target, row, group, x) if accumulate else splat_tiles(bias, group)
        tiles = add_products(source, rows, source_x, kernel, group, tiles)
        store_tiles(tiles, target, row, group, x, activate)


@inlined_part
def add_products(
    source: Planar, rows: tuple[int, ...], source_x: int, kernel: NDArray[Any], group: int, tiles: Tiles
) -> Tiles:
    """Add what a tile of the source contributes to a group's channels, see ``convolve_row``."""
    a, b, c, d = tiles
    size = len(rows)
    for channel in range(kernel.shape[1]):
        for i in range(size):
            for j in range(size):
                tile = load_tile(source, rows[i], channel, source_x + j - size // 2)
                tap = size * i + j
                a = fma_tile(kernel[group, channel, tap, 0], tile, a)
                b = fma_tile(kernel[group, channel, tap, 1], tile, b)
                c = fma_tile(kernel[group, channel, tap, 2], tile, c)
                d = fma_tile(kernel[group, channel, tap, 3], tile, d)
    return a, b, c, d
