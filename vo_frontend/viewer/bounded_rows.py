"""A bounded store for rows that keep arriving, which keeps them evenly spread."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class BoundedRows:
    """Keeps at most ``capacity`` rows, in order of arrival.

    When full, every second row is dropped, and from then on only every second (fourth, eighth, ...)
    arriving row is kept: rows 0, s, 2s, ... of all that arrived. Which rows stay depends on their
    number alone, so several buffers that are fed in step keep the same rows.

    Args:
        capacity: largest number of rows.
        row_shape: of one row, e.g. (3,) for points.
        dtype: of the rows.
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
        """Number of rows that arrived, kept or not."""
        return self._num_seen

    @property
    def rows(self) -> NDArray[Any]:
        """The kept rows (N, *row_shape), N <= capacity: a read-only view that later rows never change."""
        view = self._buffer[: self._count]
        view.flags.writeable = False
        return view

    def extend(self, rows: NDArray[Any]) -> None:
        """Add rows (R, *row_shape)."""
        kept = rows[-self._num_seen % self._stride :: self._stride]
        self._num_seen += len(rows)
        if self._count + len(kept) > self._capacity:
            kept = self._halve(kept)
        self._buffer[self._count : self._count + len(kept)] = kept
        self._count += len(kept)

    def _halve(self, arriving: NDArray[Any]) -> NDArray[Any]:
        """Thin all rows (R, *row_shape) into a new buffer, as snapshots may hold views of the old one."""
        rows = np.concatenate([self.rows, arriving])
        while len(rows) > self._capacity:
            rows = rows[::2]
            self._stride *= 2
        self._buffer = np.empty_like(self._buffer)
        self._count = 0
        return rows
