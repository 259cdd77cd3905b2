"""The landmarks of the map, as a table."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
        return self._row_of_id[ids - self.ids[0]] if len(ids) else np.zeros(0, np.int64)

    def contains(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which ids (L,) exist, as a mask (L,). Any number may be asked for."""
        if not len(self):
            return np.zeros(len(ids), bool)
        known = (ids >= self.ids[0]) & (ids <= self.ids[-1])
        known[known] = self._row_of_id[ids[known] - self.ids[0]] >= 0
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

    @cached_property
    def _row_of_id(self) -> NDArray[np.int64]:
        """Tabulate the row of id ``ids[0] + i``, -1 where it is gone: beats thousands of binary searches."""
        table = np.full(self.ids[-1] - self.ids[0] + 1, -1, np.int64)
        table[self.ids - self.ids[0]] = np.arange(len(self.ids))
        return table
