"""Numba kernels of descriptor matching: pure functions of arrays."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import called_with, exact_kernel, part
from vo_frontend.compute.matmul import COLUMNS, STEP, copy_rows, multiply_rows, pack_matrix, padded
from vo_frontend.compute.simd import LANES, choose, fma, larger, load, smaller, splat, store
from vo_frontend.compute.simd_lanes import total
from vo_frontend.compute.threads import ThreadTeam

Array = NDArray[np.float32]

ROWS = 8 * STEP  # rows of similarities at a time, so that they stay in cache until they are ranked
NONE = np.float32(-2)  # below every cosine


class Nearest(NamedTuple):
    """The nearest descriptor in the other set, in both directions."""

    best0: Array  # (M, 2) highest and second-highest similarity of each descriptor of set 0, NONE without one
    nearest0: NDArray[np.int64]  # (M,) index into set 1 of the highest, -1 without one; the first of equals
    best1: Array  # (N, 2) the same for each descriptor of set 1
    nearest1: NDArray[np.int64]  # (N,)


def all_nearest(descriptors0: Array, descriptors1: Array, team: ThreadTeam) -> Nearest:
    """Compare all pairs of descriptors (M, D) and (N, D), float32 of unit length, N > 0.

    The (M, N) similarities are never in memory as a whole. The number of threads does not change the result.
    """
    num_rows, num_columns = len(descriptors0), len(descriptors1)
    matrix = pack_matrix(descriptors1.T)
    bias = np.zeros(matrix.shape[0] * COLUMNS, np.float32)
    bias[num_columns:] = NONE  # columns that only fill up the last group are nobody's nearest
    best0, nearest0 = np.empty((num_rows, 2), np.float32), np.empty(num_rows, np.int64)
    ranks = np.full((team.size, 3, len(bias)), NONE, np.float32)
    team.run(rank_strip, descriptors0, matrix, bias, best0, nearest0, ranks)
    ranks = ranks[:, :, :num_columns]
    strip = ranks[:, 0].argmax(axis=0)
    nearest1 = ranks[strip, 2, np.arange(num_columns)].astype(np.int64)
    best1 = np.sort(ranks[:, :2].reshape(-1, num_columns), axis=0)[:-3:-1].T
    return Nearest(best0, nearest0, best1, nearest1)


@called_with("(i8, i8, f4[:,::1], f4[:,:,::1], f4[::1], f4[:,::1], i8[::1], f4[:,:,::1])")
@exact_kernel
def rank_strip(
    strip: int,
    num_strips: int,
    descriptors0: Array,
    matrix: Array,
    bias: Array,
    best0: Array,
    nearest0: NDArray[np.int64],
    ranks: Array,
) -> None:
    """Rank all columns for one strip of the rows, and the rows of the strip for each column.

    Args:
        strip: number of the strip, 0 to ``num_strips`` - 1.
        num_strips: number of strips into which the rows are divided.
        descriptors0: (M, D) float32.
        matrix: the other set as ``pack_matrix`` lays it out, float32.
        bias: (columns,) float32, added to each column; NONE for columns that only fill up.
        best0: (M, 2) float32, written: see ``Nearest``.
        nearest0: (M,) int64, written: see ``Nearest``.
        ranks: (num_strips, 3, columns) float32 of NONE, written: best, second-best, and the row of the best.
    """
    block = np.zeros((ROWS, descriptors0.shape[1]), np.float32)
    similarity, lanes = np.empty((ROWS, len(bias)), np.float32), np.empty((3, LANES), np.float32)
    num_rows = len(descriptors0)
    first, stop = num_rows * strip // num_strips, num_rows * (strip + 1) // num_strips
    for start in range(first, stop, ROWS):
        count = min(ROWS, stop - start)
        copy_rows(descriptors0, start, block, 0, count)
        multiply_rows(block, count, matrix, bias, similarity, False)
        for k in range(count):
            row = start + k
            rank_row(similarity, k, np.float32(row), ranks[strip], lanes)
            nearest0[row], best0[row, 0], best0[row, 1] = best_lane(lanes)


@part
def rank_row(similarity: Array, k: int, row: np.float32, ranks: Array, lanes: Array) -> None:
    """Update the ranks of all columns with one row of similarities, and rank the row itself lane by lane.

    Indices are floats, exact up to 2**24, so that they fit into the same vectors.

    Args:
        similarity: (ROWS, columns) float32.
        k: row of ``similarity``.
        row: index of that row in the whole set.
        ranks: (3, columns) float32, updated: best, second-best, and the row of the best.
        lanes: (3, LANES) float32, written: best, second-best, and the first column of the best.
    """
    best, second, column = splat(NONE), splat(NONE), splat(NONE)
    for x in range(0, similarity.shape[1], LANES):
        value, column_best = load(similarity, (k, x)), load(ranks, (0, x))
        store(larger(load(ranks, (1, x)), smaller(value, column_best)), ranks, (1, x))
        store(choose(value, column_best, splat(row), load(ranks, (2, x))), ranks, (2, x))
        store(larger(value, column_best), ranks, (0, x))
        second = larger(second, smaller(value, best))
        column = choose(value, best, splat(np.float32(x)), column)
        best = larger(value, best)
    store(best, lanes, (0, 0))
    store(second, lanes, (1, 0))
    store(column, lanes, (2, 0))


@part
def best_lane(lanes: Array) -> tuple[int, np.float32, np.float32]:
    """Reduce ``lanes`` (3, LANES) of :func:`rank_row` to the best's index, the best and the second-best."""
    index, best, second = -1, NONE, NONE
    for lane in range(LANES):
        value, position = lanes[0, lane], int(lanes[2, lane]) + lane
        second = max(max(second, lanes[1, lane]), min(value, best))
        if value > best or (value == best and position < index):
            index, best = position, value
    return index, best, second


def gated_nearest(
    descriptors0: Array,
    pixels0: Array,
    descriptors1: Array,
    pixels1: Array,
    radius_px: float,
) -> Nearest:
    """Compare only pairs closer than a radius in the image.

    Args:
        descriptors0: (M, D) float32 unit length.
        pixels0: (M, 2) float32 px, predicted positions in image 1.
        descriptors1: (N, D) float32 unit length.
        pixels1: (N, 2) float32 px, sorted by y (column 1) in ascending order.
        radius_px: of the search circle.
    """
    return rank_near(_whole_vectors(descriptors0), pixels0, _whole_vectors(descriptors1), pixels1, radius_px)


def _whole_vectors(descriptors: Array) -> Array:
    """Pad descriptors (N, D) with zeros to a multiple of LANES."""
    size = descriptors.shape[1]
    return np.pad(descriptors, ((0, 0), (0, padded(size, LANES) - size))) if size % LANES else descriptors


@called_with("(f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f8)")
@exact_kernel
def rank_near(
    descriptors0: Array, pixels0: Array, descriptors1: Array, pixels1: Array, radius_px: float
) -> Nearest:
    """Do the work of :func:`gated_nearest`, with its arguments, for D a multiple of LANES."""
    best0, nearest0 = np.full((len(descriptors0), 2), NONE, np.float32), np.full(len(descriptors0), -1)
    best1, nearest1 = np.full((len(descriptors1), 2), NONE, np.float32), np.full(len(descriptors1), -1)
    columns, rows = pixels1[:, 0].copy(), pixels1[:, 1].copy()
    radius = np.float32(radius_px)
    near = np.empty(len(rows) + 1, np.int64)
    for i in range(len(descriptors0)):
        x, y = pixels0[i, 0], pixels0[i, 1]
        first, stop = np.searchsorted(rows, y - radius), np.searchsorted(rows, y + radius, "right")
        count = np.uint64(0)  # unsigned: numba checks signed indices for negative values
        for j in range(np.uint64(first), np.uint64(stop)):
            near[count] = j  # overwritten unless it is near: no branch, which would often be mispredicted
            count += np.uint64((columns[j] - x) ** 2 + (rows[j] - y) ** 2 <= radius * radius)
        for j in near[:count]:
            products = splat(np.float32(0))
            for k in range(0, descriptors0.shape[1], LANES):
                products = fma(load(descriptors0, (i, k)), load(descriptors1, (j, k)), products)
            similarity = total(products)
            if similarity > best0[i, 0]:
                best0[i, 1], best0[i, 0], nearest0[i] = best0[i, 0], similarity, j
            elif similarity > best0[i, 1]:
                best0[i, 1] = similarity
            if similarity > best1[j, 0]:
                best1[j, 1], best1[j, 0], nearest1[j] = best1[j, 0], similarity, i
            elif similarity > best1[j, 1]:
                best1[j, 1] = similarity
    return Nearest(best0, nearest0, best1, nearest1)
