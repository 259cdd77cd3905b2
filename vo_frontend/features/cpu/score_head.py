"""The score head: first layer at the resolution of each level, then the rest row by row at full size."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.activations import sigmoid
from vo_frontend.compute.compilation import exact_kernel, part
from vo_frontend.compute.simd import LANES, fma, load, splat, store
from vo_frontend.features.cpu.convolution import MARGIN, Planar, clear_row, convolve_row
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

    column: NDArray[np.uint32]  # (W,) the one left of it
    x_fraction: NDArray[np.float32]  # (W,) weight of the next one
    row: NDArray[np.int32]  # (H,)
    y_fraction: NDArray[np.float32]  # (H,)


def make_grid(height: int, width: int, coarse_height: int, coarse_width: int) -> Grid:
    """Build the grid of one level; all sizes in px."""
    column, x_fraction = _axis(width, coarse_width)
    row, y_fraction = _axis(height, coarse_height)
    return Grid(column.astype(np.uint32), x_fraction, row, y_fraction)


def _axis(size: int, coarse_size: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    scale = np.float32((coarse_size - 1) / (size - 1))
    position = np.arange(size, dtype=np.float32) * scale
    low = np.minimum(position.astype(np.int32), coarse_size - 2)
    return low, position - low.astype(np.float32)


@part
def stretch_row(source: Planar, y: int, grid: Grid, target: Planar, slot: int) -> None:
    """Interpolate row y of a planar map (h, 8, .) along x to the full width, into a slot of a ring."""
    for channel in range(source.shape[1]):
        coarse, fine = source[y, channel, MARGIN:], target[slot, channel, MARGIN:]
        for x in range(len(grid.column)):
            low, fraction = grid.column[x], grid.x_fraction[x]
            fine[x] = (ONE - fraction) * coarse[low] + fraction * coarse[low + np.uint32(1)]


@part
def stretch_levels(
    coarse: tuple[Planar, ...],
    grids: tuple[Grid, ...],
    y: int,
    stretched: NDArray[np.float32],
    newest: NDArray[np.int32],
    weights: NDArray[np.float32],
) -> None:
    """Bring the two rows of each level that row y lies between to full width, where they are not yet.

    Args:
        coarse, grids: as for ``score_head``.
        y: row at full size.
        stretched: (levels, 2, 8, row length) float32, row r in slot r % 2; updated.
        newest: (levels,) row written last, updated.
        weights: (levels, 2), written: what each slot counts at row y.
    """
    for k in range(len(grids)):
        low, fraction = grids[k].row[y], grids[k].y_fraction[y]
        for row in range(max(newest[k] + 1, low), low + 2):
            stretch_row(coarse[k], row, grids[k], stretched[k], row % 2)
        newest[k] = max(newest[k], low + 1)
        weights[k, low % 2], weights[k, (low + 1) % 2] = ONE - fraction, fraction


@part
def sum_levels(
    stretched: NDArray[np.float32], weights: NDArray[np.float32], target: Planar, slot: int, width: int
) -> None:
    """Add up the stretched rows of all levels with their weights, into a row of ``target``.

    stretched: (levels, 2, 8, row length); weights: (levels, 2); target: (rows, 8, row length).
    """
    for channel in range(target.shape[1]):
        for x in range(MARGIN, MARGIN + width, LANES):
            value = splat(ZERO)
            for k in range(len(weights)):
                value = fma(splat(weights[k, 0]), load(stretched, (k, 0, channel, x)), value)
                value = fma(splat(weights[k, 1]), load(stretched, (k, 1, channel, x)), value)
            store(value, target, (slot, channel, x))


@exact_kernel
def score_head(
    strip: int,
    num_strips: int,
    finest: Planar,
    coarse: tuple[Planar, Planar, Planar],
    grids: tuple[Grid, Grid, Grid],
    head: ScoreHead,
    scores: Planar,
    level_rows: NDArray[np.float32],
    stretched: NDArray[np.float32],
    rings8: NDArray[np.float32],
    rings4: NDArray[np.float32],
) -> None:
    """Compute the score map from the finest level and the coarser ones.

    Args:
        strip, num_strips: which share of the rows to do.
        finest: planar map (H, C1, .): output of block 1.
        coarse: three planar maps (h, 8, .): what the coarser levels add to the first layer.
        grids: where their rows and columns fall.
        head: weights.
        scores: planar map (H, 4, .), written; the score in [0, 1] goes to channel 0.
        level_rows: (threads, 1, Q, row length) float32.
        stretched: (threads, 3, 2, 8, row length) float32.
        rings8: (threads, 3, 8, row length) float32; margins zero.
        rings4: (threads, 2, 3, 4, row length) float32; margins zero.
    """
    level, project, second, third, fourth = head
    height, width = len(grids[0].row), len(grids[0].column)
    start, stop = height * strip // num_strips, height * (strip + 1) // num_strips
    ring8, ring4a, ring4b = rings8[strip], rings4[strip, 0], rings4[strip, 1]
    newest, weights = np.full(len(grids), -1, np.int32), np.empty((len(grids), 2), np.float32)
    for y in range(start - HALO, stop + HALO):
        if 0 <= y < height:
            slot = y % 3
            stretch_levels(coarse, grids, y, stretched[strip], newest, weights)
            sum_levels(stretched[strip], weights, ring8, slot, width)
            level_row = level_rows[strip]
            convolve_row(finest, (y,), level.kernel, level.bias, level_row, 0, width, False, True)
            convolve_row(level_row, (0,), project.kernel, project.bias, ring8, slot, width, True, True)
        else:
            clear_row(ring8, y % 3)
        next_layer(ring8, y - 1, height, second, ring4a, (y - 1) % 3, width, True)
        next_layer(ring4a, y - 2, height, third, ring4b, (y - 2) % 3, width, True)
        if start <= y - 3 < stop:
            next_layer(ring4b, y - 3, height, fourth, scores, y - 3, width, False)
            for x in range(MARGIN, MARGIN + width, LANES):
                store(sigmoid(load(scores, (y - 3, 0, x))), scores, (y - 3, 0, x))


@part
def next_layer(
    source: Planar,
    y: int,
    height: int,
    layer: Convolution,
    target: Planar,
    row: int,
    width: int,
    activate: bool,
) -> None:
    """Compute row y of a 3x3 layer from a ring of three rows; rows outside the image are zero.

    source: (3, C, row length), row r in slot r % 3. target: planar map, its row ``row`` is written.
    """
    if 0 <= y < height:
        slots = ((y - 1) % 3, y % 3, (y + 1) % 3)
        convolve_row(source, slots, layer.kernel, layer.bias, target, row, width, False, activate)
    elif row < 3:
        clear_row(target, row)
