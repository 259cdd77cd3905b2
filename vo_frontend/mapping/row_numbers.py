"""Rows of a table for landmarks that come and go: those of landmarks that are gone are used again."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.mapping.growing import grown

Ids = NDArray[np.int64]

NOT_HERE = -1
NO_ID = -1


class RowNumbers:
    """Gives ids, dense from 0, rows from 0 while they are here: 4 bytes an id, 4 a row."""

    def __init__(self) -> None:
        self._row = np.zeros(0, np.int32)  # by id
        self._id = np.zeros(0, np.int32)  # by row; NO_ID while it is free
        self._free: list[int] = []
        self.num_ids = 0  # above all that ever were here

    @property
    def num_rows(self) -> int:
        """Return how many rows a table needs, free ones included."""
        return len(self._id)

    @property
    def id_of_row(self) -> NDArray[np.int32]:
        """Return the ids (num_rows,), NO_ID where the row is free. Not to be changed."""
        return self._id

    def ids(self) -> Ids:
        """List the ids that are here, in increasing order."""
        return np.sort(self._id[self._id != NO_ID]).astype(np.int64)

    def contains(self, ids: Ids) -> NDArray[np.bool_]:
        """Tell which ids (L,) are here, as a mask (L,). Any number may be asked for."""
        known = (ids >= 0) & (ids < len(self._row))
        known[known] = self._row[ids[known]] != NOT_HERE
        return known

    def of(self, ids: Ids) -> NDArray[np.int32]:
        """Return the rows (M,) of ids (M,) that are here."""
        return self._row[ids]

    def take(self, ids: Ids) -> NDArray[np.int32]:
        """Return the rows (M,) of ids (M,), each there once; those that are not here get one."""
        self.num_ids = max(self.num_ids, int(ids.max(initial=-1)) + 1)
        self._row = grown(self._row, self.num_ids, NOT_HERE)
        is_new = self._row[ids] == NOT_HERE
        num_new, size = int(np.count_nonzero(is_new)), len(self._id)
        if num_new > len(self._free):
            self._id = grown(self._id, size + num_new - len(self._free), NO_ID)
            self._free += range(size, len(self._id))
        first = len(self._free) - num_new
        taken = np.array(self._free[first:], np.int32)
        del self._free[first:]
        self._row[ids[is_new]], self._id[taken] = taken, ids[is_new]
        return self._row[ids]

    def drop(self, ids: Ids) -> NDArray[np.int32]:
        """Free the rows of those of any ids (L,) that are here, and return them."""
        ids = ids[self.contains(ids)]
        rows = self._row[ids]
        self._row[ids], self._id[rows] = NOT_HERE, NO_ID
        self._free += rows.tolist()
        return rows
