"""Mutual nearest neighbours of unit descriptors, among all or around predicted positions."""

from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.tracking.matching_kernels import Nearest, all_nearest, gated_nearest
from vo_frontend.types import Features, Matches

MAX_THREADS = 4  # more threads gain less than it costs to start them


def _make_team() -> ThreadTeam:
    return ThreadTeam(min(numba.get_num_threads(), MAX_THREADS))


@dataclass(frozen=True, slots=True)
class Matcher:
    """Matches descriptors that are each other's nearest.

    ``min_similarity`` is a cosine. ``max_ratio`` is Lowe's test on descriptor *distances* (best over
    second best, in both directions); 1 switches it off.
    """

    min_similarity: float
    max_ratio: float = 1.0
    team: ThreadTeam = field(default_factory=_make_team, repr=False, compare=False)

    def match(self, descriptors0: NDArray[np.float32], descriptors1: NDArray[np.float32]) -> Matches:
        """Match descriptors (M, D) against (N, D), of unit length, anywhere in the image."""
        if not len(descriptors0) or not len(descriptors1):
            return no_matches()
        return self._mutual(all_nearest(descriptors0, descriptors1, self.team))

    def match_guided(
        self,
        descriptors0: NDArray[np.float32],
        predicted_pixels: NDArray[np.floating[Any]],
        features1: Features,
        radius_px: float,
    ) -> Matches:
        """Match descriptors against the features around their predicted positions.

        Args:
            descriptors0: (M, D) of unit length.
            predicted_pixels: (M, 2) px in image 1; rows with NaN (behind the camera) are never matched.
            features1: N features of image 1.
            radius_px: of the search circle.
        """
        visible = np.flatnonzero(np.isfinite(predicted_pixels).all(axis=1))
        if not len(visible) or not len(features1):
            return no_matches()
        order = np.argsort(features1.pixels[:, 1], kind="stable")
        found = gated_nearest(
            descriptors0[visible],
            predicted_pixels[visible].astype(np.float32),
            features1.descriptors[order],
            features1.pixels[order],
            float(radius_px),
        )
        matches = self._mutual(found)
        return Matches(visible[matches.index0], order[matches.index1], matches.similarity)

    def _mutual(self, found: Nearest) -> Matches:
        """Keep pairs that are each other's nearest and pass both tests."""
        row = np.flatnonzero(found.nearest0 >= 0)
        row = row[found.nearest1[found.nearest0[row]] == row]
        column = found.nearest0[row]
        best = found.best0[row, 0]
        keep = best >= self.min_similarity
        if self.max_ratio < 1.0:
            keep &= _passes_ratio(best, found.best0[row, 1], self.max_ratio)
            keep &= _passes_ratio(best, found.best1[column, 1], self.max_ratio)
        return Matches(row[keep], column[keep], best[keep])


def no_matches() -> Matches:
    """Return an empty set of matches."""
    return Matches(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


def _passes_ratio(
    best: NDArray[np.float32], second: NDArray[np.float32], max_ratio: float
) -> NDArray[np.bool_]:
    """Apply the ratio test (N,) to the best and second-best similarities (N,)."""
    # |a - b|^2 = 2 - 2 a.b for unit vectors, so the ratio of distances needs no distances.
    return np.asarray((1.0 - best) <= max_ratio**2 * (1.0 - second))
