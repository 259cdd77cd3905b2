"""Rows of a table for landmarks that come and go: those of landmarks that are gone are used again."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.mapping.growing import grown
from vo_frontend.mapping.id_map import ABSENT, IdMap

Ids = NDArray[np.int64]

NO_ID = -1


class RowNumbers:
    """Gives ids rows from 0 while they are here: 12 bytes an id that is, 4 a row."""

    def __init__(self) -> None:
        self._row = IdMap()
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
        return self._row.ids()

    def contains(self, ids: Ids) -> NDArray[np.bool_]:
        """Tell which ids (L,) are here, as a mask (L,). Any number may be asked for."""
        return self._row.find(ids) != ABSENT

    def of(self, ids: Ids) -> NDArray[np.int32]:
        """Return the rows (M,) of ids (M,) that are here."""
        return self._row.find(ids)

    def among(self, ids: Ids) -> NDArray[np.int32]:
        """Return the rows of those of any ids (L,) that are here."""
        rows = self._row.find(ids)
        return rows[rows != ABSENT]

    def take(self, ids: Ids) -> NDArray[np.int32]:
        """Return the rows (M,) of ids (M,), each there once; those that are not here get one."""
        self.num_ids = max(self.num_ids, int(ids.max(initial=-1)) + 1)
        rows = self._row.find(ids)
        is_new = rows == ABSENT
        num_new, size = int(np.count_nonzero(is_new)), len(self._id)
        if num_new > len(self._free):
            self._id = grown(self._id, size + num_new - len(self._free), NO_ID)
            self._free += range(size, len(self._id))
        first = len(self._free) - num_new
        taken = np.array(self._free[first:], np.int32)
        del self._free[first:]
        self._row.put(ids[is_new], taken)
        rows[is_new], self._id[taken] = taken, ids[is_new]
        return rows

    def drop(self, ids: Ids) -> NDArray[np.int32]:
        """Free the rows of those of any ids (L,) that are here, and return them."""
        rows = self.among(ids)
        self._row.drop(ids)
        self._id[rows] = NO_ID
        self._free += rows.tolist()
        return rows
