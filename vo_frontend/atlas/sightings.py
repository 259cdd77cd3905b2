"""Which keyframe sees which landmark, by landmark: what covisibility is read from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas import sighting_kernels as kernels
from vo_frontend.atlas.sighting_kernels import END
from vo_frontend.mapping.growing import grown
from vo_frontend.mapping.id_map import ABSENT
from vo_frontend.mapping.row_numbers import RowNumbers

Ids = NDArray[np.int64]


class Covisible(NamedTuple):
    """Lists keyframes that share landmarks with a view, best first; of equal ones the older first."""

    frame_indices: Ids  # (K,)
    num_shared: Ids  # (K,) descending


class Sightings:
    """Keeps a list of keyframes for each landmark, 8 bytes a sighting; each call costs what it touches.

    Keyframes go by row numbers from 0, landmarks by ids from 0. Every array of ids names each landmark once.
    """

    def __init__(self) -> None:
        self._numbers = RowNumbers()  # of the landmarks that a keyframe sees
        self._first = np.zeros(0, np.int32)  # by number
        self._keyframe = np.zeros(0, np.int32)
        self._following = np.zeros(0, np.int32)
        self._free = np.array([END], np.int32)
        self._num_free = 0

    def add(self, row: int, ids: Ids) -> None:
        """Note that a keyframe sees landmarks (L,)."""
        self._reserve(len(ids))
        numbers = self._numbers_for(ids)
        kernels.link(self._first, self._keyframe, self._following, self._free, numbers, row)
        self._num_free -= len(ids)

    def remove_keyframe(self, row: int, ids: Ids) -> None:
        """Forget a keyframe, whose landmarks (L,) must be given."""
        self._unlink(ids, row)

    def remove_landmarks(self, ids: Ids) -> None:
        """Forget who sees landmarks (L,)."""
        self._unlink(ids, END)

    def merge(self, kept_ids: Ids, gone_ids: Ids) -> None:
        """Let whoever sees the second landmark of a pair (P,) see the first, pair after pair."""
        ids, inverse = np.unique(np.concatenate([kept_ids, gone_ids]), return_inverse=True)
        numbers = self._numbers_for(ids)[inverse]
        kept, gone = np.split(numbers, 2)
        kernels.append_lists(self._first, self._following, kept, gone)
        self._drop_unseen(ids)

    def count_shared(self, ids: Ids, num_rows: int) -> Ids:
        """Count how many of the landmarks (L,) each keyframe, by row (num_rows,), sees."""
        numbers = self._numbers.among(ids).astype(np.int64)
        return kernels.count_shared(self._first, self._keyframe, self._following, numbers, num_rows)

    def count_views(self, ids: Ids, counts_row: NDArray[np.bool_]) -> Ids:
        """Count the keyframes, of those rows (num_rows,) that count, that see each landmark (L,)."""
        found, numbers = np.zeros(len(ids), np.int64), self._numbers.of(ids).astype(np.int64)
        seen = numbers != ABSENT
        found[seen] = kernels.count_views(
            self._first, self._keyframe, self._following, numbers[seen], counts_row
        )
        return found

    def newest_view(self, ids: Ids, frame_index_of_row: Ids) -> Ids:
        """Find the row of the newest keyframe that sees each landmark (L,), -1 where none does."""
        found, numbers = np.full(len(ids), END, np.int64), self._numbers.of(ids).astype(np.int64)
        seen = numbers != ABSENT
        found[seen] = kernels.newest_view(
            self._first, self._keyframe, self._following, numbers[seen], frame_index_of_row
        )
        return found

    def _unlink(self, ids: Ids, row: int) -> None:
        numbers = self._numbers.among(ids).astype(np.int64)
        self._num_free += kernels.unlink(
            self._first, self._keyframe, self._following, self._free, numbers, row
        )
        self._drop_unseen(ids)

    def _drop_unseen(self, ids: Ids) -> None:
        ids = ids[self._numbers.contains(ids)]
        self._numbers.drop(ids[self._first[self._numbers.of(ids)] == END])

    def _numbers_for(self, ids: Ids) -> Ids:
        """Return the numbers (L,) of landmarks (L,); those that nobody has seen get one."""
        numbers = self._numbers.take(ids).astype(np.int64)
        self._first = grown(self._first, self._numbers.num_rows, END)
        return numbers

    def _reserve(self, count: int) -> None:
        if self._num_free >= count:
            return
        size = len(self._keyframe)
        self._keyframe = grown(self._keyframe, size + count)
        self._following = grown(self._following, size + count)
        added = len(self._keyframe) - size
        self._following[size:] = np.arange(size + 1, size + added + 1)
        self._following[-1] = self._free[0]
        self._free[0] = size
        self._num_free += added
