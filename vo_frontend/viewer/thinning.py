"""A bounded memory for rows that keep arriving, spread evenly over everything that came."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class ThinnedRows:
    """Rows in order of arrival, at most ``capacity`` of them.

    When full, every second row is dropped, and from then on only every second (fourth, eighth, ...)
    arriving row is kept: rows 0, s, 2s, ... of all that came. Which rows stay depends on their
    number alone, so several buffers that are fed in step keep the same rows.
    """

    def __init__(self, capacity: int, row_shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._capacity = capacity
        self._buffer = np.empty((capacity, *row_shape), dtype)
        self._count = 0
        self._num_seen = 0
        self._stride = 1

    def __len__(self) -> int:
        return self._count

    @property
    def num_seen(self) -> int:
        """Number of rows that came, kept or not."""
        return self._num_seen

    @property
    def rows(self) -> NDArray[Any]:
        """Kept rows (N, *row_shape). A view that later rows never change."""
        view = self._buffer[: self._count]
        view.flags.writeable = False
        return view

    def extend(self, rows: NDArray[Any]) -> None:
        """Take (R, *row_shape) rows."""
        kept = rows[-self._num_seen % self._stride :: self._stride]
        self._num_seen += len(rows)
        if self._count + len(kept) > self._capacity:
            kept = self._halve(kept)
        self._buffer[self._count : self._count + len(kept)] = kept
        self._count += len(kept)

    def _halve(self, arriving: NDArray[Any]) -> NDArray[Any]:
        """Start a new buffer, because snapshots may still hold views of the old one."""
        rows = np.concatenate([self.rows, arriving])
        while len(rows) > self._capacity:
            rows = rows[::2]
            self._stride *= 2
        self._buffer = np.empty_like(self._buffer)
        self._count = 0
        return rows
