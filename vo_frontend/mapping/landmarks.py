"""The landmarks of the map, as a table."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_TABLE = 1_000_000  # ids: it takes as long to fill as a window takes to be looked up by binary search


@dataclass(frozen=True)
class Landmarks:
    """Holds the M points of the map, one row each, ids strictly increasing."""

    ids: NDArray[np.int64]  # (M,)
    points_world: NDArray[np.float64]  # (M, 3)
    descriptors: NDArray[np.float32]  # (M, D) of the latest observation
    colors: NDArray[np.uint8]  # (M, 3) RGB
    num_expected: NDArray[np.int32]  # (M,) frames in which the landmark should have been seen
    num_found: NDArray[np.int32]  # (M,) and in which it was

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def empty(cls, descriptor_size: int) -> "Landmarks":
        """Make a table without rows, for descriptors of this size."""
        return cls.new(
            np.zeros(0, np.int64),
            np.zeros((0, 3)),
            np.zeros((0, descriptor_size), np.float32),
            np.zeros((0, 3), np.uint8),
        )

    @classmethod
    def new(
        cls,
        ids: NDArray[np.int64],
        points_world: NDArray[np.float64],
        descriptors: NDArray[np.float32],
        colors: NDArray[np.uint8],
    ) -> "Landmarks":
        """Make landmarks that no frame has looked for yet.

        Args:
            ids: (M,) strictly increasing.
            points_world: (M, 3) in map units.
            descriptors: (M, D) of unit length.
            colors: (M, 3) RGB.
        """
        unseen = np.zeros(len(ids), np.int32)
        return cls(ids, points_world, descriptors, colors, unseen, unseen)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the row (L,) of each id (L,). All ids must exist."""
        if not len(ids):
            return np.zeros(0, np.int64)
        if self._is_spread:
            return np.searchsorted(self.ids, ids)
        return self._row_of_id[ids - self.ids[0]]

    def contains(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which ids (L,) exist, as a mask (L,). Any number may be asked for."""
        if not len(self):
            return np.zeros(len(ids), bool)
        known = (ids >= self.ids[0]) & (ids <= self.ids[-1])
        inside = ids[known]
        if self._is_spread:
            known[known] = self.ids[np.searchsorted(self.ids, inside)] == inside
        else:
            known[known] = self._row_of_id[inside - self.ids[0]] >= 0
        return known

    def select(self, mask_or_index: NDArray[Any] | slice) -> "Landmarks":
        """Return the rows of a mask (M,), an increasing index (L,) or a slice."""
        s = mask_or_index
        return Landmarks(
            self.ids[s],
            self.points_world[s],
            self.descriptors[s],
            self.colors[s],
            self.num_expected[s],
            self.num_found[s],
        )

    def tracked(self, expected_rows: NDArray[np.int64], found_rows: NDArray[np.int64]) -> "Landmarks":
        """Return them after a frame that should have seen some (E,), and found some (F,), perhaps others."""
        num_expected, num_found = self.num_expected.copy(), self.num_found.copy()
        num_found[found_rows] += 1
        num_expected[np.union1d(expected_rows, found_rows)] += 1
        return replace(self, num_expected=num_expected, num_found=num_found)

    def looking_like(self, rows: NDArray[np.int64], descriptors: NDArray[np.float32]) -> "Landmarks":
        """Return them with other descriptors (L, D) at rows (L,)."""
        changed = self.descriptors.copy()
        changed[rows] = descriptors
        return replace(self, descriptors=changed)

    def joined(self, newer: "Landmarks") -> "Landmarks":
        """Append landmarks whose ids are all greater than those here."""
        return Landmarks(
            np.concatenate([self.ids, newer.ids]),
            np.concatenate([self.points_world, newer.points_world]),
            np.concatenate([self.descriptors, newer.descriptors]),
            np.concatenate([self.colors, newer.colors]),
            np.concatenate([self.num_expected, newer.num_expected]),
            np.concatenate([self.num_found, newer.num_found]),
        )

    def merged(self, others: "Landmarks") -> "Landmarks":
        """Add landmarks with other ids, which may lie between those here."""
        both = self.joined(others)
        return both.select(np.argsort(both.ids))

    @property
    def _is_spread(self) -> bool:
        """Tell whether old ids came back late in a long run, so that a table of all between is too large."""
        return bool(self.ids[-1] - self.ids[0] >= MAX_TABLE)

    @cached_property
    def _row_of_id(self) -> NDArray[np.int64]:
        """Tabulate the row of id ``ids[0] + i``, -1 where it is gone: beats thousands of binary searches."""
        table = np.full(self.ids[-1] - self.ids[0] + 1, -1, np.int64)
        table[self.ids - self.ids[0]] = np.arange(len(self.ids))
        return table
