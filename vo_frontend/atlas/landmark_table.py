"""Landmarks that have left the window, and what became of every id: merged, removed, or still itself."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import called_with, kernel
from vo_frontend.mapping.growing import grown
from vo_frontend.mapping.id_map import ABSENT, IdMap
from vo_frontend.mapping.keyframe import NO_LANDMARK
from vo_frontend.mapping.row_numbers import RowNumbers

Ids = NDArray[np.int64]

NO_ANCHOR = -1
MIN_GONE = 65536  # ids, 0.8 MB
NO_FRAME = np.iinfo(np.int64).min  # no keyframe: -1 is the newest of an earlier session

_VALUES = np.dtype([("num_expected", np.int32), ("num_found", np.int32), ("color", np.uint8, 3)])


@dataclass(frozen=True, slots=True, eq=False)
class RetiredLandmarks:
    """Lists M landmarks that have left the window."""

    ids: Ids  # (M,)
    points_world: NDArray[np.float64]  # (M, 3) in the world of their anchors
    colors: NDArray[np.uint8]  # (M, 3) RGB
    num_expected: NDArray[np.int32]  # (M,) frames that should have seen each
    num_found: NDArray[np.int32]  # (M,) frames that did
    anchors: Ids  # (M,) frame index of the keyframe that each follows, NO_FRAME without

    def __len__(self) -> int:
        return len(self.ids)


class LandmarkRows(NamedTuple):
    """Lists M landmarks of the table."""

    points_world: NDArray[np.float64]  # (M, 3)
    colors: NDArray[np.uint8]  # (M, 3) RGB
    num_expected: NDArray[np.int32]  # (M,)
    num_found: NDArray[np.int32]  # (M,)
    anchors: Ids  # (M,) rows of keyframes, NO_ANCHOR without


class LandmarkTable:
    """Keeps landmarks, 55 bytes each, and for each id that is gone its heir, 12 bytes until it is forgotten.

    Most landmarks do not last: their rows are used again, so that a map that does not grow needs no more.
    """

    def __init__(self) -> None:
        self._heir = IdMap()  # of what is gone: the landmark it was merged into, or NO_LANDMARK
        self._max_gone = MIN_GONE  # ids that are gone, before those that nobody asks for are forgotten
        self._numbers = RowNumbers()
        self._points_world = np.zeros((0, 3))
        self._anchors = np.zeros(0, np.int32)  # row of the keyframe that each follows
        self._values = np.zeros(0, _VALUES)

    def put(self, ids: Ids, landmarks: LandmarkRows) -> None:
        """Take landmarks (M,) over, in place of what was known of them."""
        rows = self._rows_for(ids)
        values = np.empty(len(ids), _VALUES)
        values["num_expected"], values["num_found"] = landmarks.num_expected, landmarks.num_found
        values["color"] = landmarks.colors
        self._values[rows] = values
        self._points_world[rows], self._anchors[rows] = landmarks.points_world, landmarks.anchors

    def ids(self) -> Ids:
        """List the landmarks that are here, in increasing order."""
        return self._numbers.ids()

    def get(self, ids: Ids) -> LandmarkRows:
        """Return landmarks (M,) that are here."""
        rows = self._numbers.of(ids)
        values = self._values[rows]
        return LandmarkRows(
            self._points_world[rows],
            values["color"],
            values["num_expected"],
            values["num_found"],
            self._anchors[rows].astype(np.int64),
        )

    def contains(self, ids: Ids) -> NDArray[np.bool_]:
        """Tell which ids (L,) are here, as a mask (L,). Any number may be asked for."""
        return self._numbers.contains(ids)

    def move(self, ids: Ids, points_world: NDArray[np.float64]) -> None:
        """Give landmarks (M,) that are here other positions (M, 3)."""
        self._points_world[self._numbers.of(ids)] = points_world

    def transform(self, part_of_row: Ids, S_new_old: NDArray[np.float64]) -> None:
        """Move what hangs on keyframes along with them.

        Args:
            part_of_row: (R,) for each row of a keyframe the number of its transform, -1 to leave it as it is.
            S_new_old: (K, 3, 4) from the old to the new world.
        """
        transform_anchored(self._points_world, self._anchors, part_of_row, S_new_old)

    def anchored_at(self, keyframe_row: int) -> Ids:
        """List the landmarks that follow a keyframe, in increasing order."""
        return np.sort(self._numbers.id_of_row[self._anchors == keyframe_row]).astype(np.int64)

    def anchor(self, ids: Ids, keyframe_rows: Ids) -> None:
        """Let landmarks (M,) that are here follow other keyframes (M,), or none (NO_ANCHOR)."""
        self._anchors[self._numbers.of(ids)] = keyframe_rows

    def merge(self, kept_ids: Ids, gone_ids: Ids) -> tuple[Ids, Ids]:
        """Merge pairs of any landmarks (P,), one after the other: the heir of the first becomes the second's.

        Returns:
            The heirs (E,) of both of those pairs that were two landmarks until then, the first NO_LANDMARK
            where it had been removed; the second is removed then, too.
        """
        ids, inverse = np.unique(self.resolve(np.concatenate([kept_ids, gone_ids])), return_inverse=True)
        first = int(len(ids) > 0 and ids[0] == NO_LANDMARK)  # the ranks of those that are here begin at 0
        rank, heir_of_rank = inverse - first, np.arange(len(ids) - first, dtype=np.int32)
        heir_ranks, gone_ranks = merge_pairs(heir_of_rank, rank[: len(kept_ids)], rank[len(kept_ids) :])
        heirs, gone = np.append(ids[first:], NO_LANDMARK)[heir_ranks], ids[first:][gone_ranks]
        self._heir.put(gone, heirs.astype(np.int32))
        self._drop(gone)
        return heirs, gone

    def remove(self, ids: Ids) -> None:
        """Forget landmarks (L,) that are their own heirs."""
        self._heir.put(ids, np.full(len(ids), NO_LANDMARK, np.int32))
        self._drop(ids)

    def forget_heirs(self, asked_for: Collection[NDArray[np.integer[Any]]]) -> None:
        """Forget what became of most ids, once they are many: of all but those that may be asked for."""
        if len(self._heir) <= self._max_gone:
            return
        known = np.unique(np.concatenate([np.zeros(0, np.int64), *asked_for]))
        self.resolve(known)  # each knows its last heir now, and needs none in between
        gone = self._heir.ids()
        self._heir.drop(gone[~np.isin(gone, known)])
        self._max_gone = max(MIN_GONE, 2 * len(self._heir))

    def resolve(self, ids: NDArray[np.integer[Any]]) -> Ids:
        """Follow ids (L,) to their last heirs (L,), NO_LANDMARK where they were removed."""
        resolved = np.asarray(ids, np.int64).copy()
        heirs = self._heir.find(resolved)
        gone = np.flatnonzero(heirs != ABSENT)
        heirs = heirs[gone]
        while len(gone):
            further = self._heir.find(heirs.astype(np.int64))
            is_last = further == ABSENT
            if is_last.all():
                break
            heirs = np.where(is_last, heirs, further)
            self._heir.put(resolved[gone], heirs)  # next time it is one step
        resolved[gone] = heirs
        return resolved

    def _rows_for(self, ids: Ids) -> NDArray[np.int32]:
        """Return the rows (M,) of landmarks (M,); those that are not here get one each."""
        rows = self._numbers.take(ids)
        num_rows = self._numbers.num_rows
        self._points_world = grown(self._points_world, num_rows)
        self._anchors = grown(self._anchors, num_rows, NO_ANCHOR)
        self._values = grown(self._values, num_rows)
        return rows

    def _drop(self, ids: Ids) -> None:
        self._anchors[self._numbers.drop(ids)] = NO_ANCHOR


@called_with("(f8[:,::1], i4[::1], i8[::1], f8[:,:,::1])")
@kernel
def transform_anchored(
    points: NDArray[np.float64],
    anchors: NDArray[np.int32],
    part_of_row: Ids,
    S_new_old: NDArray[np.float64],
) -> None:
    """Transform points (M, 3) in place, each by the transform (K, 3, 4) of its anchor, if that has one."""
    for i in range(len(points)):
        if anchors[i] < 0 or part_of_row[anchors[i]] < 0:
            continue
        S = S_new_old[part_of_row[anchors[i]]]
        x, y, z = points[i]
        for axis in range(3):
            points[i, axis] = S[axis, 0] * x + S[axis, 1] * y + S[axis, 2] * z + S[axis, 3]


@called_with("(i4[::1], i8[::1], i8[::1])")
@kernel
def merge_pairs(heir: NDArray[np.int32], kept_ids: Ids, gone_ids: Ids) -> tuple[Ids, Ids]:
    """Write the heirs that pairs of landmarks (P,) leave, one after the other; see LandmarkTable.merge."""
    heirs, gone = np.empty(len(kept_ids), np.int64), np.empty(len(kept_ids), np.int64)
    count = 0
    for i in range(len(kept_ids)):
        first, second = kept_ids[i], gone_ids[i]
        while first >= 0 and heir[first] != first:
            first = heir[first]
        while second >= 0 and heir[second] != second:
            second = heir[second]
        if second >= 0 and first != second:
            heir[second] = first
            heirs[count], gone[count] = first, second
            count += 1
    return heirs[:count], gone[:count]


def without_repeats(ids: Ids, heirs: Ids) -> Ids:
    """Keep each heir (N,) of the landmarks (N,) of a keyframe once, NO_LANDMARK elsewhere.

    Of several features that see one landmark now, that which always did keeps it, else the first.
    """
    order = np.lexsort((ids != heirs, heirs))
    is_first = np.ones(len(heirs), bool)
    is_first[1:] = np.diff(heirs[order]) != 0
    kept = np.full(len(heirs), NO_LANDMARK, np.int64)
    kept[order[is_first]] = heirs[order[is_first]]
    return kept
