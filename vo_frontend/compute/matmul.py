"""Products of tables with small matrices, for layers that work on gathered rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.activations import selu, short_selu
from vo_frontend.compute.aligned import aligned_copy
from vo_frontend.compute.compilation import part
from vo_frontend.compute.simd import LANES, Vector, load, store
from vo_frontend.compute.simd_pairs import is_paired, multiply_add, pair_up, store_joined

STEP = 6  # rows of a tile; times two vectors of columns, 12 sums stay in registers
COLUMNS = 2 * LANES

Pair = tuple[Vector, Vector]  # of 2 * LANES columns side by side


def padded(count: int, step: int) -> int:
    """Round a count up to whole steps."""
    return -(-count // step) * step


def pack_matrix(matrix: NDArray[np.float32], paired: bool = False) -> NDArray[Any]:
    """Order a matrix (K, D) as ``multiply_rows`` reads it.

    paired: for a table of pairs of bfloat16; K is even.
    Returns (groups, K, COLUMNS) float32, with D filled up by zeros, or (groups, K / 2, COLUMNS) pairs.
    """
    filled: NDArray[Any] = np.pad(matrix, ((0, 0), (0, -matrix.shape[1] % COLUMNS))).astype(np.float32)
    if paired:
        filled = pair_up(filled.T).T
    return aligned_copy(filled.reshape(len(filled), -1, COLUMNS).transpose(1, 0, 2))


@part
def fma_pair(value: Any, pair: Pair, total: Pair) -> Pair:
    """Compute value * pair + total, lane by lane, for an element of a table."""
    return multiply_add(value, pair[0], total[0]), multiply_add(value, pair[1], total[1])


@part
def store_pair(pair: Pair, target: NDArray[Any], row: int, column: int, activate: bool) -> None:
    """Write a pair into a (R, C) target from a column on, through SELU if asked to."""
    if activate:
        if is_paired(target):
            pair = (short_selu(pair[0]), short_selu(pair[1]))
        else:
            pair = (selu(pair[0]), selu(pair[1]))
    put_columns(pair[0], target, row, column)
    put_columns(pair[1], target, row, column + LANES)


@part
def put_columns(value: Vector, target: NDArray[Any], row: int, column: int) -> None:
    """Write LANES columns of a (R, C) float32 table, or of one with as many pairs as C / 2."""
    if is_paired(target):
        store_joined(value, target, (row, column // 2))
    else:
        store(value, target, (row, column))


@part
def copy_rows(
    source: NDArray[np.float32], first: int, target: NDArray[np.float32], target_first: int, num_rows: int
) -> None:
    """Copy rows of a table into another, as many columns as the narrower one has."""
    for row in range(num_rows):
        for column in range(min(source.shape[1], target.shape[1])):
            target[target_first + row, column] = source[first + row, column]


@part
def multiply_rows(
    table: NDArray[Any],
    num_rows: int,
    matrix: NDArray[Any],
    bias: NDArray[np.float32],
    target: NDArray[Any],
    activate: bool,
) -> None:
    """Compute table @ matrix + bias, optionally through SELU.

    Args:
        table: (R, K) float32, or (R, K / 2) pairs, with R a multiple of STEP not below ``num_rows``.
        num_rows: how many rows count; the tile that holds the last one is computed whole.
        matrix: (groups, K, COLUMNS), or as many pairs as the table has, see ``pack_matrix``.
        bias: (groups * COLUMNS,).
        target: (R, groups * COLUMNS) float32, or half as many pairs, written.
        activate: apply SELU.
    """
    for group in range(matrix.shape[0]):
        column = group * COLUMNS
        start = (load(bias, (column,)), load(bias, (column + LANES,)))
        for row in range(0, num_rows, STEP):
            a, b, c, d, e, f = start, start, start, start, start, start
            for k in range(matrix.shape[1]):
                pair = (load(matrix, (group, k, 0)), load(matrix, (group, k, LANES)))
                a = fma_pair(table[row, k], pair, a)
                b = fma_pair(table[row + 1, k], pair, b)
                c = fma_pair(table[row + 2, k], pair, c)
                d = fma_pair(table[row + 3, k], pair, d)
                e = fma_pair(table[row + 4, k], pair, e)
                f = fma_pair(table[row + 5, k], pair, f)
            store_pair(a, target, row, column, activate)
            store_pair(b, target, row + 1, column, activate)
            store_pair(c, target, row + 2, column, activate)
            store_pair(d, target, row + 3, column, activate)
            store_pair(e, target, row + 4, column, activate)
            store_pair(f, target, row + 5, column, activate)
