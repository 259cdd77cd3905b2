"""Which keypoints of two images are the same point: pairs that choose each other, each counted once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CHUNK = 64  # rows of a distance table at a time


def repeated_distances_px(pixels0: Array, pixels1: Array, warped0: Array, warped1: Array) -> Array:
    """Measure how far apart the keypoints are that two images have in common (ALIKE, ``N_gt``).

    Two keypoints are one point if each is the other's nearest by the mean of the distances in both
    images. That is one to one: a cluster of keypoints beside a single one counts once. ``N_gt`` is how many
    lie within a threshold, and repeatability ``N_gt / N_cov`` with :func:`num_covisible`.

    Args:
        pixels0, pixels1: (N0, 2), (N1, 2) keypoints, px.
        warped0, warped1: where they lie in the other image, px; NaN where it does not show them.

    Returns:
        (K,) distances of the pairs, K <= N0, N1, mean of both images, px.
    """
    seen0, seen1 = _is_seen(warped0), _is_seen(warped1)
    if not seen0.any() or not seen1.any():
        return np.zeros(0)
    pixels0, warped0, pixels1, warped1 = pixels0[seen0], warped0[seen0], pixels1[seen1], warped1[seen1]
    nearest0 = np.empty(len(pixels0), np.int64)
    distance0 = np.empty(len(pixels0))
    nearest1, distance1 = np.zeros(len(pixels1), np.int64), np.full(len(pixels1), np.inf)
    for start in range(0, len(pixels0), CHUNK):
        rows = slice(start, start + CHUNK)
        table = 0.5 * (_distances(warped0[rows], pixels1) + _distances(pixels0[rows], warped1))
        nearest0[rows], distance0[rows] = table.argmin(axis=1), table.min(axis=1)
        row, best = table.argmin(axis=0), table.min(axis=0)
        is_nearer = best < distance1
        nearest1[is_nearer], distance1[is_nearer] = start + row[is_nearer], best[is_nearer]
    return distance0[nearest1[nearest0] == np.arange(len(nearest0))]


def num_covisible(warped0: Array, warped1: Array) -> float:
    """Average how many keypoints of two images the other one shows (ALIKE, ``N_cov``).

    ``warped0``, ``warped1`` are as in :func:`repeated_distances_px`.
    """
    return 0.5 * float(_is_seen(warped0).sum() + _is_seen(warped1).sum())


def _is_seen(warped: Array) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(warped).all(axis=1))


def _distances(a: Array, b: Array) -> Array:
    """Measure the distances (N, M) between points (N, 2) and (M, 2)."""
    x, y = (a[:, axis, None] - b[:, axis] for axis in (0, 1))
    return np.asarray(np.sqrt(x * x + y * y))
