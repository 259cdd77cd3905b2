"""A number for each of some ids of landmarks, among ever more that are gone."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.mapping.growing import grown

Ids = NDArray[np.int64]

ABSENT = -2  # no number
MIN_GONE = 4096  # entries that are gone before the others move together


class IdMap:
    """Keeps a number from -1 on for each id that has one, 12 bytes each, in two arrays sorted by id.

    Ids that are gone cost nothing for long, however many there were. Most new ids are larger than all before,
    so that little has to move for them.
    """

    def __init__(self) -> None:
        self._ids = np.zeros(0, np.int64)
        self._numbers = np.zeros(0, np.int32)  # ABSENT: the id is gone
        self._size = 0
        self._num_gone = 0

    def __len__(self) -> int:
        return self._size - self._num_gone

    def ids(self) -> Ids:
        """List the ids that have a number, in increasing order."""
        return self._ids[: self._size][self._numbers[: self._size] != ABSENT]

    def find(self, ids: Ids) -> NDArray[np.int32]:
        """Return the numbers (L,) of any ids (L,), ABSENT where they have none."""
        if not self._size:
            return np.full(len(ids), ABSENT, np.int32)
        at, is_entry = self._entries(ids)
        found = self._numbers[at]
        found[~is_entry] = ABSENT
        return found

    def put(self, ids: Ids, numbers: NDArray[np.int32]) -> None:
        """Give ids (M,), each there once, their numbers (M,), old ones or new ones."""
        is_new = np.ones(len(ids), bool)
        if self._size:
            at, is_entry = self._entries(ids)
            at = at[is_entry]
            self._num_gone -= int(np.count_nonzero(self._numbers[at] == ABSENT))
            self._numbers[at] = numbers[is_entry]
            is_new = ~is_entry
        if is_new.any():
            self._insert(ids[is_new], numbers[is_new])

    def drop(self, ids: Ids) -> None:
        """Take their numbers from those of any ids (L,) that have one."""
        if not self._size:
            return
        at, is_entry = self._entries(ids)
        at = at[is_entry]
        at = at[self._numbers[at] != ABSENT]
        self._numbers[at] = ABSENT
        self._num_gone += len(at)
        if self._num_gone > max(MIN_GONE, self._size // 2):
            self._close_up()

    def _entries(self, ids: Ids) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Find the entries (L,) of ids (L,) in a map that is not empty, and which of them are theirs."""
        known = self._ids[: self._size]
        at = np.searchsorted(known, ids)
        at[at == self._size] = 0
        return at, known[at] == ids

    def _insert(self, ids: Ids, numbers: NDArray[np.int32]) -> None:
        size = self._size + len(ids)
        first = int(np.searchsorted(self._ids[: self._size], ids.min()))  # nothing moves before it
        all_ids = np.concatenate([self._ids[first : self._size], ids])
        all_numbers = np.concatenate([self._numbers[first : self._size], numbers])
        order = np.argsort(all_ids, kind="stable")
        self._ids, self._numbers = grown(self._ids, size), grown(self._numbers, size)
        self._ids[first:size], self._numbers[first:size] = all_ids[order], all_numbers[order]
        self._size = size

    def _close_up(self) -> None:
        here = self._numbers[: self._size] != ABSENT
        self._ids, self._numbers = self._ids[: self._size][here], self._numbers[: self._size][here]
        self._size, self._num_gone = len(self._ids), 0
