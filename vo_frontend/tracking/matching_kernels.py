"""Numba kernels of descriptor matching. Pure functions of arrays."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def gated_nearest(
    descriptors0: NDArray[np.float32],
    pixels0: NDArray[np.float32],
    descriptors1: NDArray[np.float32],
    pixels1: NDArray[np.float32],
    radius_px: float,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Nearest descriptors both ways, comparing only pairs closer than a radius in the image.

    Args:
        descriptors0: (M, D) float32 unit length.
        pixels0: (M, 2) float32, predicted position in image 1, px.
        descriptors1: (N, D) float32 unit length.
        pixels1: (N, 2) float32 px, sorted by y (column 1) in ascending order.
        radius_px: of the search circle.

    Returns:
        best0 (M, 2): highest and second-highest similarity of each row of set 0, -2 where none.
        nearest0 (M,): index into set 1 of the highest, -1 where none.
        best1 (N, 2), nearest1 (N,): the same from set 1's side.
    """
    M, N, D = len(descriptors0), len(descriptors1), descriptors0.shape[1]
    best0 = np.full((M, 2), -2.0, np.float32)
    best1 = np.full((N, 2), -2.0, np.float32)
    nearest0 = np.full(M, -1, np.int64)
    nearest1 = np.full(N, -1, np.int64)
    rows = pixels1[:, 1].copy()
    squared_radius = radius_px * radius_px
    for i in range(M):
        x, y = pixels0[i, 0], pixels0[i, 1]
        for j in range(np.searchsorted(rows, y - radius_px), N):
            if rows[j] > y + radius_px:
                break
            if (pixels1[j, 0] - x) ** 2 + (rows[j] - y) ** 2 > squared_radius:
                continue
            similarity = np.float32(0.0)
            for d in range(D):
                similarity += descriptors0[i, d] * descriptors1[j, d]
            if similarity > best0[i, 0]:
                best0[i, 1], best0[i, 0], nearest0[i] = best0[i, 0], similarity, j
            elif similarity > best0[i, 1]:
                best0[i, 1] = similarity
            if similarity > best1[j, 0]:
                best1[j, 1], best1[j, 0], nearest1[j] = best1[j, 0], similarity, i
            elif similarity > best1[j, 1]:
                best1[j, 1] = similarity
    return best0, nearest0, best1, nearest1


@njit(cache=True)
def column_argmax(table: NDArray[np.float32]) -> NDArray[np.int64]:
    """Row of the largest entry of each column (N,) of a table (M, N), M > 0; the first of equals.

    NumPy walks columns with a stride; walking rows and keeping N running maxima is six times faster.
    """
    best = table[0].copy()
    index = np.zeros(table.shape[1], np.int64)
    for i in range(1, table.shape[0]):
        for j in range(table.shape[1]):
            larger = table[i, j] > best[j]
            best[j] = table[i, j] if larger else best[j]
            index[j] = i if larger else index[j]
    return index
