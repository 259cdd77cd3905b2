"""k-means with a seed: the same points and the same seed give the same words."""

import numpy as np
from numpy.typing import NDArray

CHUNK = 8192  # points at a time


def kmeans(
    points: NDArray[np.float32], num_clusters: int, rng: np.random.Generator, max_rounds: int = 30
) -> NDArray[np.float32]:
    """Cluster points (N, D) into ``num_clusters`` means (K, D), started by k-means++.

    D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007. A cluster that
    runs empty starts again at the point that is worst represented.

    Raises:
        ValueError: there are fewer points than clusters.
    """
    if len(points) < num_clusters:
        raise ValueError(f"points: got {len(points)}, expected at least one per cluster ({num_clusters})")
    means = _spread(points, num_clusters, rng)
    before = np.full(len(points), -1)
    for _ in range(max_rounds):
        nearest, distances = nearest_means(points, means)
        if np.array_equal(nearest, before):
            break
        before = nearest
        counts = np.bincount(nearest, minlength=num_clusters)
        sums = np.stack(
            [np.bincount(nearest, points[:, axis], num_clusters) for axis in range(points.shape[1])], axis=1
        )
        means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
        empty = np.flatnonzero(counts == 0)
        means[empty] = points[np.argsort(-distances, kind="stable")[: len(empty)]]
    return means


def nearest_means(
    points: NDArray[np.float32], means: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the nearest of means (K, D) for points (N, D): its number (N,) and squared distance (N,)."""
    nearest = np.empty(len(points), np.int64)
    distances = np.empty(len(points), np.float32)
    half = 0.5 * np.einsum("kd,kd->k", means, means)
    for start in range(0, len(points), CHUNK):
        part = points[start : start + CHUNK]
        closeness = part @ means.T - half  # (|p|^2 - |p - m|^2) / 2
        best = closeness.argmax(axis=1)
        nearest[start : start + CHUNK] = best
        largest = closeness[np.arange(len(part)), best]
        distances[start : start + CHUNK] = np.einsum("nd,nd->n", part, part) - 2 * largest
    return nearest, np.maximum(distances, 0)


def _spread(points: NDArray[np.float32], count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw each start (K, D) with a probability that grows with its squared distance from those before."""
    chosen = [int(rng.integers(len(points)))]
    distances = nearest_means(points, points[chosen])[1].astype(np.float64)
    while len(chosen) < count:
        total = np.cumsum(distances)
        if total[-1] <= 0:  # fewer different points than clusters
            chosen.append(int(rng.integers(len(points))))
            continue
        chosen.append(
            min(int(np.searchsorted(total, rng.random() * total[-1], side="right")), len(points) - 1)
        )
        distances = np.minimum(distances, nearest_means(points, points[chosen[-1:]])[1])
    return points[chosen].copy()
