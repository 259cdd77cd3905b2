"""Which keyframe sees which landmark, by landmark: what covisibility is read from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas import sighting_kernels as kernels
from vo_frontend.atlas.sighting_kernels import END
from vo_frontend.mapping.growing import grown

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
        self._first = np.zeros(0, np.int32)  # by landmark id
        self._keyframe = np.zeros(0, np.int32)
        self._following = np.zeros(0, np.int32)
        self._free = np.array([END], np.int32)
        self._num_free = 0

    def add(self, row: int, ids: Ids) -> None:
        """Note that a keyframe sees landmarks (L,)."""
        self._reserve(len(ids))
        self._know(ids)
        kernels.link(self._first, self._keyframe, self._following, self._free, ids, row)
        self._num_free -= len(ids)

    def remove_keyframe(self, row: int, ids: Ids) -> None:
        """Forget a keyframe, whose landmarks (L,) must be given."""
        self._unlink(ids, row)

    def remove_landmarks(self, ids: Ids) -> None:
        """Forget who sees landmarks (L,)."""
        self._unlink(ids, END)

    def merge(self, kept_ids: Ids, gone_ids: Ids) -> None:
        """Let whoever sees the second landmark of a pair (P,) see the first, pair after pair."""
        self._know(np.concatenate([kept_ids, gone_ids]))
        kernels.append_lists(self._first, self._following, kept_ids, gone_ids)

    def count_shared(self, ids: Ids, num_rows: int) -> Ids:
        """Count how many of the landmarks (L,) each keyframe, by row (num_rows,), sees."""
        self._know(ids)
        return kernels.count_shared(self._first, self._keyframe, self._following, ids, num_rows)

    def count_views(self, ids: Ids, counts_row: NDArray[np.bool_]) -> Ids:
        """Count the keyframes, of those rows (num_rows,) that count, that see each landmark (L,)."""
        self._know(ids)
        return kernels.count_views(self._first, self._keyframe, self._following, ids, counts_row)

    def newest_view(self, ids: Ids, frame_index_of_row: Ids) -> Ids:
        """Find the row of the newest keyframe that sees each landmark (L,), -1 where none does."""
        self._know(ids)
        return kernels.newest_view(self._first, self._keyframe, self._following, ids, frame_index_of_row)

    def _unlink(self, ids: Ids, row: int) -> None:
        self._know(ids)
        self._num_free += kernels.unlink(self._first, self._keyframe, self._following, self._free, ids, row)

    def _know(self, ids: Ids) -> None:
        self._first = grown(self._first, int(ids.max(initial=-1)) + 1, END)

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
