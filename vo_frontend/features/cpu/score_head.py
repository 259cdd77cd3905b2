"""The score head: first layer at the resolution of each level, then the rest row by row at full size."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.activations import sigmoid
from vo_frontend.compute.compilation import exact_kernel, inlined_part, part
from vo_frontend.compute.simd import (
    LANES,
    Vector,
    add,
    fma,
    load,
    multiply,
    prefetch,
    splat,
    store,
    subtract,
)
from vo_frontend.compute.simd_lanes import pick
from vo_frontend.features.cpu.convolution import (
    CACHE_LINE,
    MARGIN,
    TILE,
    Planar,
    add_products,
    clear_column,
    clear_row,
    convolve_row,
    convolve_tile,
    fma_tile,
    load_tile,
    load_tiles,
    splat_tile,
    store_tile,
    store_tiles,
)
from vo_frontend.features.cpu.fine_blocks import Convolution

ZERO, ONE = np.float32(0), np.float32(1)
HALO = 3  # rows that the three 3x3 layers see on either side


class ScoreHead(NamedTuple):
    """Weights from the output of block 1 on."""

    level: Convolution  # 1x1 to the finest level of the pyramid
    project: Convolution  # 1x1, the finest level's share of the head's first layer
    second: Convolution
    third: Convolution
    fourth: Convolution


class Grid(NamedTuple):
    """Where the columns and rows of the full size fall in a coarser level (aligned corners)."""

    first: NDArray[np.int32]  # (columns / LANES,) the one left of the first of LANES, margin included
    lane: NDArray[np.int32]  # (columns,) from there to the one left of each; below LANES
    x_fraction: NDArray[np.float32]  # (columns,) weight of the next one
    row: NDArray[np.int32]  # (H,)
    y_fraction: NDArray[np.float32]  # (H,)


ThreeGrids = tuple[Grid, Grid, Grid]


def make_grid(height: int, width: int, coarse_height: int, coarse_width: int) -> Grid:
    """Build the grid of one level, for whole tiles of columns; all sizes in px."""
    column, x_fraction = _axis(width, coarse_width, -(-width // TILE) * TILE)
    row, y_fraction = _axis(height, coarse_height, height)
    first = column[::LANES]
    lane = column - np.repeat(first, LANES)
    return Grid(first + MARGIN, lane, x_fraction, row, y_fraction)


def _axis(size: int, coarse_size: int, count: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    scale = np.float32((coarse_size - 1) / (size - 1))
    position = np.arange(count, dtype=np.float32) * scale
    low = np.minimum(position.astype(np.int32), coarse_size - 2)
    return low, position - low.astype(np.float32)


@part
def level_rows_at(coarse: tuple[Planar, ...], grids: tuple[Grid, ...], y: int, level_rows: Planar) -> None:
    """Interpolate each level's planar map (h, 8, .) at row y of the full size, columns left as they are.

    level_rows: (levels, 8, row length) float32, written.
    """
    for k in range(len(grids)):
        row, below = grids[k].row[y], splat(grids[k].y_fraction[y])
        above = splat(ONE - grids[k].y_fraction[y])
        for channel in range(level_rows.shape[1]):
            for x in range(0, coarse[k].shape[2] - LANES + 1, LANES):
                value = multiply(above, load(coarse[k], (row, channel, x)))
                value = fma(below, load(coarse[k], (row + 1, channel, x)), value)
                store(value, level_rows, (k, channel, x))


@inlined_part
def interpolate(
    level_rows: Planar, level: int, channel: int, first: int, grid: Grid, column: int, fraction: Vector
) -> Vector:
    """Interpolate a row of a level along x, for LANES columns of the full size."""
    near = pick(load(level_rows, (level, channel, first)), grid.lane, (column,))
    far = pick(load(level_rows, (level, channel, first + 1)), grid.lane, (column,))
    return fma(fraction, subtract(far, near), near)


@inlined_part
def sum_levels(level_rows: Planar, grids: ThreeGrids, x: int, target: Planar) -> None:
    """Interpolate the levels' rows along x and add them up, for a tile from column x of the full size on.

    level_rows: (levels, 8, row length); target: (1, 8, TILE), written.
    """
    a, b, c = grids
    for k in range(0, TILE, LANES):
        column = np.uint32(x + k)
        group = np.uint32(column // np.uint32(LANES))
        first_a, first_b, first_c = a.first[group], b.first[group], c.first[group]
        fraction_a, fraction_b = load(a.x_fraction, (column,)), load(b.x_fraction, (column,))
        fraction_c = load(c.x_fraction, (column,))
        for channel in range(target.shape[1]):
            value_a = interpolate(level_rows, 0, channel, first_a, a, column, fraction_a)
            value_b = interpolate(level_rows, 1, channel, first_b, b, column, fraction_b)
            value_c = interpolate(level_rows, 2, channel, first_c, c, column, fraction_c)
            store(add(value_a, add(value_b, value_c)), target, (0, channel, k))


@part
def first_layer(
    finest: Planar,
    y: int,
    head: ScoreHead,
    level_rows: Planar,
    grids: ThreeGrids,
    level_tile: Planar,
    sum_tile: Planar,
    target: Planar,
    slot: int,
    width: int,
) -> None:
    """Compute row y of the first layer: the share of the coarser levels, then that of the finest.

    Tile by tile, so that the finest level's many channels stay in the first-level cache. Of the next row,
    which comes from memory, each tile is asked for a row ahead.
    """
    next_y = min(y + 1, len(finest) - 1)
    for x in range(MARGIN, MARGIN + width, TILE):
        sum_levels(level_rows, grids, x - MARGIN, sum_tile)
        for channel in range(finest.shape[1]):
            for column in range(x, x + TILE, CACHE_LINE):
                prefetch(finest, (next_y, channel, column))
        level, project = head.level, head.project
        convolve_tile(finest, (y,), x, level.kernel, level.bias, level_tile, 0, 0, False, True)
        for group in range(project.kernel.shape[0]):
            tiles = load_tiles(sum_tile, 0, group, 0)
            tiles = add_products(level_tile, (0,), 0, project.kernel, group, tiles)
            store_tiles(tiles, target, slot, group, x, True)
    clear_column(target, slot, sum_tile.shape[1], MARGIN + width)


@part
def last_layer(
    source: Planar,
    slots: tuple[int, int, int],
    kernel: NDArray[Any],
    target: Planar,
    row: int,
    width: int,
) -> None:
    """Compute a row of the last 3x3 layer and its sigmoid; of a group's four outputs it has but one."""
    for x in range(MARGIN, MARGIN + width, TILE):
        tile = splat_tile(ZERO)
        for channel in range(kernel.shape[1]):
            for i in range(3):
                for j in range(3):
                    weight = kernel[0, channel, 3 * i + j, 0]
                    tile = fma_tile(weight, load_tile(source, slots[i], channel, x + j - 1), tile)
        tile = (sigmoid(tile[0]), sigmoid(tile[1]), sigmoid(tile[2]))
        store_tile(tile, target, row, 0, x, False)


@exact_kernel
def score_head(
    strip: int,
    num_strips: int,
    finest: Planar,
    coarse: tuple[Planar, Planar, Planar],
    grids: ThreeGrids,
    width: int,
    head: ScoreHead,
    scores: Planar,
    level_tiles: NDArray[Any],
    sum_tiles: NDArray[np.float32],
    level_rows: NDArray[np.float32],
    rings8: NDArray[Any],
    rings4: NDArray[Any],
) -> None:
    """Compute the score map from the finest level and the coarser ones.

    Args:
        strip, num_strips: which share of the rows to do.
        finest: planar map (H, C1, .): output of block 1.
        coarse: three planar maps (h, 8, .): what the coarser levels add to the first layer.
        grids: where their rows and columns fall.
        width: columns of the full size.
        head: weights.
        scores: planar map (H, 1, .), written: the score in [0, 1].
        level_tiles: (threads, 1, Q, TILE) float32, or pairs where ``finest`` has them, as in the rings.
        sum_tiles: (threads, 1, 8, TILE) float32.
        level_rows: (threads, 3, 8, row length of half the width) float32.
        rings8: (threads, 3, 8, row length) float32; margins zero.
        rings4: (threads, 2, 3, 4, row length) float32; margins zero.
    """
    height = len(grids[0].row)
    start, stop = height * strip // num_strips, height * (strip + 1) // num_strips
    ring8, ring4a, ring4b = rings8[strip], rings4[strip, 0], rings4[strip, 1]
    for y in range(start - HALO, stop + HALO):
        if 0 <= y < height:
            level_rows_at(coarse, grids, y, level_rows[strip])
            rows, tile, sums = level_rows[strip], level_tiles[strip], sum_tiles[strip]
            first_layer(finest, y, head, rows, grids, tile, sums, ring8, y % 3, width)
        else:
            clear_row(ring8, y % 3)
        next_layer(ring8, y - 1, height, head.second, ring4a, width)
        next_layer(ring4a, y - 2, height, head.third, ring4b, width)
        if start <= y - 3 < stop:
            slots = ((y - 4) % 3, (y - 3) % 3, (y - 2) % 3)
            last_layer(ring4b, slots, head.fourth.kernel, scores, y - 3, width)


@part
def next_layer(source: Planar, y: int, height: int, layer: Convolution, target: Planar, width: int) -> None:
    """Compute row y of a 3x3 layer from one ring of three rows to another; rows outside the image are zero.

    source, target: (3, C, row length), row r in slot r % 3.
    """
    if 0 <= y < height:
        slots = ((y - 1) % 3, y % 3, (y + 1) % 3)
        convolve_row(source, slots, layer.kernel, layer.bias, target, y % 3, width, False, True)
    else:
        clear_row(target, y % 3)
