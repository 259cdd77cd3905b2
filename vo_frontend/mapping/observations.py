"""Which keyframe of the window sees which landmark."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.mapping.keyframe import NO_LANDMARK
from vo_frontend.mapping.landmarks import Landmarks


class Observations(NamedTuple):
    """Lists which keyframe sees which landmark with which feature, ordered by keyframe, then by feature."""

    position: NDArray[np.int64]  # (O,) of the keyframe in the window
    feature_index: NDArray[np.int64]  # (O,) in the keyframe
    landmark_row: NDArray[np.int64]  # (O,)

    @classmethod
    def of(cls, landmark_ids: Sequence[NDArray[np.int64]], landmarks: Landmarks) -> "Observations":
        """List those of keyframes, each with the landmark ids (N,) of its features."""
        sizes = np.array([len(each) for each in landmark_ids], np.int64)
        all_ids = np.concatenate([np.zeros(0, np.int64), *landmark_ids])
        seen = np.flatnonzero(all_ids != NO_LANDMARK)
        position = np.repeat(np.arange(len(sizes)), sizes)[seen]
        first = np.cumsum(sizes) - sizes
        return cls(position, seen - first[position], landmarks.rows(all_ids[seen]))

    def newest(self, num_landmarks: int) -> NDArray[np.int64]:
        """Find the position (M,) of the newest keyframe that sees each landmark, 0 where none does."""
        newest = np.zeros(num_landmarks, np.int64)
        newest[self.landmark_row] = self.position  # ordered by keyframe: the last one stays
        return newest

    def shared_with(self, position: int, num_keyframes: int, num_landmarks: int) -> NDArray[np.int64]:
        """Count the landmarks (K,) that each keyframe shares with the one at ``position``; 0 for itself."""
        own = np.zeros(num_landmarks, bool)
        own[self.landmark_row[self.position == position]] = True
        shared = np.bincount(self.position[own[self.landmark_row]], minlength=num_keyframes)
        shared[position] = 0
        return shared
