"""Mutual-nearest-neighbour matching of unit descriptors, plain or around predicted positions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.tracking.matching_kernels import column_argmax, gated_nearest
from vo_frontend.types import Features, Matches


@dataclass(frozen=True, slots=True)
class Matcher:
    """Keeps pairs that choose each other.

    ``min_similarity`` is a cosine. ``max_ratio`` is Lowe's test on descriptor *distances* (best over
    second best, from both sides); 1 switches it off.
    """

    min_similarity: float
    max_ratio: float = 1.0

    def match(self, descriptors0: NDArray[np.float32], descriptors1: NDArray[np.float32]) -> Matches:
        """Match (M, D) against (N, D) without knowing the motion."""
        if not len(descriptors0) or not len(descriptors1):
            return no_matches()
        similarity = descriptors0 @ descriptors1.T
        nearest0, nearest1 = similarity.argmax(axis=1), column_argmax(similarity)
        index0 = np.flatnonzero(nearest1[nearest0] == np.arange(len(nearest0)))
        index1 = nearest0[index0]
        best = similarity[index0, index1]
        keep = best >= self.min_similarity
        if self.max_ratio < 1.0:
            keep &= _passes_ratio(best, _second_best(similarity[index0]), self.max_ratio)
            keep &= _passes_ratio(best, _second_best(similarity[:, index1].T), self.max_ratio)
        return Matches(index0[keep], index1[keep], best[keep])

    def match_guided(
        self,
        descriptors0: NDArray[np.float32],
        predicted_pixels: NDArray[np.floating[Any]],
        features1: Features,
        radius_px: float,
    ) -> Matches:
        """Match (M, D) against the features near each predicted position (M, 2) px.

        Rows whose prediction is NaN (behind the camera) are never matched.
        """
        visible = np.flatnonzero(np.isfinite(predicted_pixels).all(axis=1))
        if not len(visible) or not len(features1):
            return no_matches()
        order = np.argsort(features1.pixels[:, 1], kind="stable")
        best0, nearest0, best1, nearest1 = gated_nearest(
            np.ascontiguousarray(descriptors0[visible]),
            predicted_pixels[visible].astype(np.float32),
            features1.descriptors[order],
            features1.pixels[order],
            float(radius_px),
        )
        row = np.flatnonzero(nearest0 >= 0)
        row = row[nearest1[nearest0[row]] == row]
        column = nearest0[row]
        best = best0[row, 0]
        keep = best >= self.min_similarity
        if self.max_ratio < 1.0:
            keep &= _passes_ratio(best, best0[row, 1], self.max_ratio)
            keep &= _passes_ratio(best, best1[column, 1], self.max_ratio)
        return Matches(visible[row[keep]], order[column[keep]], best[keep])


def no_matches() -> Matches:
    """An empty set of matches."""
    return Matches(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


def _second_best(similarity: NDArray[np.float32]) -> NDArray[np.float32]:
    if similarity.shape[1] < 2:
        return np.full(len(similarity), -2.0, np.float32)
    return np.asarray(np.partition(similarity, -2, axis=1)[:, -2])


def _passes_ratio(
    best: NDArray[np.float32], second: NDArray[np.float32], max_ratio: float
) -> NDArray[np.bool_]:
    # |a - b|^2 = 2 - 2 a.b for unit vectors, so the ratio of distances needs no distances.
    return np.asarray((1.0 - best) <= max_ratio**2 * (1.0 - second))
