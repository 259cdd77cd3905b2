"""Which keyframe of the window sees which landmark."""

from collections.abc import Sequence
from typing import Any, NamedTuple

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

    def select(self, mask_or_index: NDArray[Any]) -> "Observations":
        """Return those of a mask (O,) or an index."""
        return Observations(*(column[mask_or_index] for column in self))

    def without(self, position: int) -> "Observations":
        """Return those of the other keyframes, once the one at ``position`` is taken out of the window."""
        stays = self.position != position
        later = self.position[stays] > position
        return Observations(self.position[stays] - later, self.feature_index[stays], self.landmark_row[stays])

    def inherited(self, heir: NDArray[np.int64]) -> "Observations":
        """List what changes when landmarks become others.

        Args:
            heir: (M,) row of the landmark that each becomes; its own where it stays.

        Returns:
            The observations that change, with the rows of the heirs; -1 where a keyframe sees that already.
        """
        heirs = heir[self.landmark_row]
        changed = np.flatnonzero(heirs != self.landmark_row)
        sees = np.zeros((self.position.max(initial=-1) + 1, len(heir)), bool)
        sees[self.position, self.landmark_row] = True
        position, heirs = self.position[changed], heirs[changed]
        heirs[sees[position, heirs]] = -1
        return Observations(position, self.feature_index[changed], heirs)

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


class LatestObservations:
    """Lists observations, and the same list again as long as nothing has changed: keyframes share arrays.

    Where a keyframe has gone, its own are taken out.
    """

    def __init__(self) -> None:
        self._landmark_ids: list[NDArray[np.int64]] = []
        self._ids: NDArray[np.int64] | None = None  # of the landmarks
        self._observations: Observations | None = None

    def of(self, landmark_ids: list[NDArray[np.int64]], landmarks: Landmarks) -> Observations:
        """List those of keyframes, as :meth:`Observations.of` does; the arrays must never be written to."""
        known, before = self._observations, self._landmark_ids
        if known is None or landmarks.ids is not self._ids:
            known = Observations.of(landmark_ids, landmarks)
        elif not _are_same(landmark_ids, before):
            pairs = zip(landmark_ids, before, strict=False)
            gone = next((k for k, (a, b) in enumerate(pairs) if a is not b), len(before) - 1)
            is_gone = _are_same(landmark_ids[gone:], before[gone + 1 :])
            known = known.without(gone) if is_gone else Observations.of(landmark_ids, landmarks)
        self._landmark_ids, self._ids, self._observations = landmark_ids, landmarks.ids, known
        return known


def _are_same(arrays: list[NDArray[np.int64]], others: list[NDArray[np.int64]]) -> bool:
    return len(arrays) == len(others) and all(a is b for a, b in zip(arrays, others, strict=True))
