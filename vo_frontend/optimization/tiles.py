"""Large sparse systems as square tiles: which are stored, in which order they are eliminated, the solution.

A keyframe shares landmarks with few others, so that most tiles of the reduced camera system are zero. Within
a tile the loops are dense and run along rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import called_with, kernel

Array = NDArray[np.float64]
Index = NDArray[np.int64]

TILE_POSES = 16
TILE = 6 * TILE_POSES  # rows of a tile


@dataclass(frozen=True, slots=True)
class TilePattern:
    """Says which tiles of a symmetric matrix are stored: of the upper triangle, not zero or to be filled."""

    slot: NDArray[np.int64]  # (N, N) place of a tile in storage, -1: zero, or below the diagonal
    num_stored: int


def elimination_order(is_coupled: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Order tiles so that eliminating them fills few others: the one with fewest neighbours first.

    Args:
        is_coupled: (N, N) symmetric; the last tile, which may be a short one, stays last.

    Returns:
        (N,) the tiles in their order.
    """
    num = len(is_coupled)
    linked, is_left, order = is_coupled.copy(), np.ones(num, bool), []
    for _ in range(num - 1):
        degree = (linked & is_left).sum(axis=1)
        k = int(np.argmin(np.where(is_left[:-1], degree[:-1], num + 1)))
        is_left[k] = False
        neighbours = np.flatnonzero(linked[k] & is_left)
        linked[np.ix_(neighbours, neighbours)] = True
        order.append(k)
    return np.array(order + [num - 1] * (num > 0), np.int64)


def fill_pattern(is_coupled: NDArray[np.bool_]) -> TilePattern:
    """Find the tiles that a Cholesky factor needs; ``is_coupled`` (N, N) is symmetric, in its final order."""
    stored = np.triu(is_coupled | np.eye(len(is_coupled), dtype=bool))
    for k in range(len(stored)):
        later = k + 1 + np.flatnonzero(stored[k, k + 1 :])
        stored[np.ix_(later, later)] |= later[:, None] <= later
    slot = np.where(stored, np.cumsum(stored).reshape(stored.shape) - 1, -1)
    return TilePattern(slot, int(stored.sum()))


@called_with("(i8[:,::1], f8[:,:,::1], f8[:,::1])")
@kernel
def solve_tiles(slot: Index, tiles: Array, x: Array) -> bool:
    """Solve A x = b by Cholesky, A = U' U, in place.

    BLAS would be no faster for tiles of this size, and its threads would compete with those of the caller.

    Args:
        slot: (N, N) of the pattern of A.
        tiles: (stored, TILE, TILE) float64, overwritten with U; on the diagonal only upper triangles count.
        x: (N, TILE) float64 b, overwritten.

    Returns:
        False if A is not positive definite or not finite; x is then meaningless.
    """
    num = len(slot)
    for k in range(num):
        U = tiles[slot[k, k]]
        if not _factorise(U, x[k]):
            return False
        for j in range(k + 1, num):
            if slot[k, j] < 0:
                continue
            right = tiles[slot[k, j]]
            _forward_substitute(U, right)
            _subtract_vector(right, x[k], x[j])
            for i in range(k + 1, j + 1):
                if slot[k, i] >= 0:
                    _subtract_product(tiles[slot[k, i]], right, tiles[slot[i, j]])
    for k in range(num - 1, -1, -1):
        for j in range(k + 1, num):
            if slot[k, j] >= 0:
                right = tiles[slot[k, j]]
                for r in range(TILE):
                    for c in range(TILE):
                        x[k, r] -= right[r, c] * x[j, c]
        _back_substitute(tiles[slot[k, k]], x[k])
    return True


@kernel
def _factorise(A: Array, b: Array) -> bool:
    """Replace the upper triangle of A (TILE, TILE) by its factor U, and b (TILE,) by U'^-1 b."""
    for i in range(TILE):
        pivot = A[i, i]
        if not (pivot > 0.0 and pivot < np.inf):
            return False
        scale = 1.0 / np.sqrt(pivot)
        for c in range(i, TILE):
            A[i, c] *= scale
        b[i] *= scale
        for r in range(i + 1, TILE):
            factor = A[i, r]
            b[r] -= factor * b[i]
            for c in range(r, TILE):
                A[r, c] -= factor * A[i, c]
    return True


@kernel
def _forward_substitute(U: Array, B: Array) -> None:
    """Replace B (TILE, TILE) by U'^-1 B, row by row."""
    for i in range(TILE):
        scale = 1.0 / U[i, i]
        for c in range(TILE):
            B[i, c] *= scale
        for r in range(i + 1, TILE):
            factor = U[i, r]
            for c in range(TILE):
                B[r, c] -= factor * B[i, c]


@kernel
def _back_substitute(U: Array, b: Array) -> None:
    """Replace b (TILE,) by U^-1 b."""
    for i in range(TILE - 1, -1, -1):
        for c in range(i + 1, TILE):
            b[i] -= U[i, c] * b[c]
        b[i] /= U[i, i]


@kernel
def _subtract_vector(A: Array, b: Array, c: Array) -> None:
    """Subtract A' b from c (TILE,)."""
    for i in range(TILE):
        for j in range(TILE):
            c[j] -= A[i, j] * b[i]


@kernel
def _subtract_product(A: Array, B: Array, C: Array) -> None:
    """Subtract A' B from C (TILE, TILE); four rows at a time, to load and store C less often."""
    for r in range(TILE):
        for i in range(0, TILE, 4):
            a0, a1, a2, a3 = A[i, r], A[i + 1, r], A[i + 2, r], A[i + 3, r]
            for c in range(TILE):
                C[r, c] -= a0 * B[i, c] + a1 * B[i + 1, c] + a2 * B[i + 2, c] + a3 * B[i + 3, c]
