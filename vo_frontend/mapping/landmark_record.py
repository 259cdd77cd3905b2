"""Record of every landmark of a run, by id: those that have left the local map, and those that are in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.ply import vertices_of, write_ply
from vo_frontend.map_events import (
    LandmarksAdded,
    LandmarksMerged,
    LandmarksMoved,
    LandmarksRecalled,
    LandmarksRemoved,
    LandmarksRetired,
    MapEvent,
    SegmentJoined,
)
from vo_frontend.mapping.row_numbers import RowNumbers
from vo_frontend.mapping.spilling_table import SpillingTable
from vo_frontend.types import FrameResult

MAX_MEMORY_BYTES = 64 * 1024 * 1024  # beyond it, the table lies in a temporary file

# What ``place`` says; above 0 it is the number of the landmark among all that ever retired.
FREE = 0  # no landmark has the row
LOCAL = -1  # in the local map

MAX_VIEWS = 255  # that are counted

_ROW = np.dtype(
    [
        ("point_world", np.float32, 3),
        ("color", np.uint8, 3),
        ("num_views", np.uint8),
        ("segment_id", np.int32),
        ("place", np.int32),
    ],
    align=True,
)

Ids = NDArray[np.int64]
RowIndices = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class LandmarkCloud:
    """Holds M landmarks, each in the world of its segment: in m, or in map units for mono."""

    points_world: NDArray[np.float32]  # (M, 3)
    colors: NDArray[np.uint8]  # (M, 3) RGB
    segment_ids: NDArray[np.int64]  # (M,)
    num_views: NDArray[np.uint8]  # (M,) frames that found it, at most 255; 255 where an earlier run mapped it

    def __len__(self) -> int:
        return len(self.points_world)

    def scaled(self, scale_of_segment: Mapping[int, float]) -> "LandmarkCloud":
        """Multiply the positions of each segment by its factor; segments without one stay as they are."""
        ids, inverse = np.unique(self.segment_ids, return_inverse=True)
        factors = np.array([scale_of_segment.get(each, 1.0) for each in ids.tolist()])[inverse]
        return replace(self, points_world=(self.points_world * factors[:, None]).astype(np.float32))

    def select(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> "LandmarkCloud":
        """Return the landmarks of an index or a mask."""
        return LandmarkCloud(
            self.points_world[index], self.colors[index], self.segment_ids[index], self.num_views[index]
        )

    def save_ply(self, path: str | Path) -> None:
        """Write a binary PLY file with colours, replacing an older one as a whole.

        Raises:
            OutputError: the file cannot be written; an older one stays as it was.
        """
        write_ply(Path(path), vertices_of(self.points_world, self.colors))


class LandmarkRecord:
    """Listens to results and knows where every landmark is now, in 40 bytes each.

    A position that is not finite is no news: the landmark stays where it was, or is unknown.
    ``retired_have_changed`` says whether the latest :meth:`update` has moved, recalled or dropped landmarks
    that had retired; if not, it has at most added some to them.
    """

    def __init__(self, max_memory_bytes: int = MAX_MEMORY_BYTES) -> None:
        self.retired_have_changed = False
        self._table = SpillingTable(_ROW, max_memory_bytes)
        self._numbers = RowNumbers()
        self._num_retired = 0  # ever, landmarks that came back and left again counted again

    def __len__(self) -> int:
        """Count the landmarks, retired ones and those of the local map."""
        return int(np.count_nonzero(self._rows["place"]))

    def update(self, result: FrameResult) -> None:
        """Take what the result of the next frame tells of landmarks."""
        self.hear(result.events)
        if result.landmark_ids is not None:
            found = self._known(result.landmark_ids)
            self._rows["num_views"][found] = np.minimum(self._rows["num_views"][found], MAX_VIEWS - 1) + 1

    def hear(self, events: Iterable[MapEvent]) -> None:
        """Take what events tell of landmarks."""
        self.retired_have_changed = False
        for event in events:
            self._apply(event)

    def cloud(self) -> LandmarkCloud:
        """Copy all landmarks: retired ones in the order in which they left, then those of the local map."""
        return self._copy(np.concatenate([self._retired(1), self._local()]))

    def local(self) -> LandmarkCloud:
        """Copy the landmarks of the local map, by id."""
        return self._copy(self._local())

    def retired(self, max_landmarks: int | None = None) -> LandmarkCloud:
        """Copy the landmarks that have left the local map, in the order in which they left.

        Args:
            max_landmarks: with more ids than that, every second (fourth, eighth, ...) id alone.
        """
        step = 1
        while max_landmarks is not None and self._numbers.num_ids > step * max_landmarks:
            step *= 2
        return self._copy(self._retired(step))

    @property
    def _rows(self) -> NDArray[Any]:
        return self._table.rows[: self._numbers.num_rows]

    def _local(self) -> RowIndices:
        rows = np.flatnonzero(self._rows["place"] == LOCAL)
        return rows[np.argsort(self._numbers.id_of_row[rows])]

    def _retired(self, step: int) -> RowIndices:
        place = self._rows["place"]
        rows = np.flatnonzero((place > 0) & (self._numbers.id_of_row % step == 0))
        return rows[np.argsort(place[rows])]

    def _copy(self, index: RowIndices) -> LandmarkCloud:
        rows = self._rows[index]
        segment_ids = rows["segment_id"].astype(np.int64)
        return LandmarkCloud(
            rows["point_world"].copy(), rows["color"].copy(), segment_ids, rows["num_views"].copy()
        )

    def _apply(self, event: MapEvent) -> None:
        if isinstance(event, LandmarksAdded | LandmarksRetired):
            self._put(event)
        elif isinstance(event, LandmarksMoved):
            self._move(event)
        elif isinstance(event, LandmarksRecalled):
            self._set_place(self._known(event.ids), LOCAL)
        elif isinstance(event, LandmarksRemoved):
            self._drop(event.ids)
        elif isinstance(event, LandmarksMerged):
            self._merge(event)
        elif isinstance(event, SegmentJoined):
            self._join(event)

    def _put(self, event: LandmarksAdded | LandmarksRetired) -> None:
        is_finite = np.isfinite(event.points_world).all(axis=1)
        rows = self._numbers.take(event.ids[is_finite])
        self._table.reserve(self._numbers.num_rows)
        is_new = self._rows["place"][rows] == FREE
        is_past = isinstance(event, LandmarksRetired)  # it retires before it was ever local
        self._rows["num_views"][rows[is_new]] = MAX_VIEWS if is_past else 0
        place: RowIndices | int = LOCAL
        if isinstance(event, LandmarksRetired):
            place = self._num_retired + 1 + np.arange(len(rows))
            self._num_retired += len(rows)
        self._set_place(rows, place)
        self._rows["point_world"][rows] = event.points_world[is_finite]
        self._rows["color"][rows] = event.colors[is_finite]
        self._rows["segment_id"][rows] = event.segment_id

    def _move(self, event: LandmarksMoved) -> None:
        """Move landmarks, which may be of any segment: that of the event is the one that is tracked."""
        is_meant = np.isfinite(event.points_world).all(axis=1) & self._numbers.contains(event.ids)
        rows = self._numbers.of(event.ids[is_meant])
        self._rows["point_world"][rows] = event.points_world[is_meant]
        self._note(rows)

    def _merge(self, event: LandmarksMerged) -> None:
        is_known = self._numbers.contains(event.kept_ids) & self._numbers.contains(event.gone_ids)
        kept = self._numbers.of(event.kept_ids[is_known])
        gone = self._numbers.of(event.gone_ids[is_known])
        views = self._rows["num_views"][kept].astype(np.int64) + self._rows["num_views"][gone]
        self._rows["num_views"][kept] = np.minimum(views, MAX_VIEWS)
        self._drop(event.gone_ids)

    def _join(self, event: SegmentJoined) -> None:
        is_member = (self._rows["segment_id"] == event.segment_id) & (self._rows["place"] != FREE)
        members = np.flatnonzero(is_member)
        points_world = self._rows["point_world"][members].astype(np.float64)
        self._rows["point_world"][members] = event.similarity.transform_points(points_world)
        self._rows["segment_id"][members] = event.into_segment_id
        self._note(members)

    def _known(self, ids: Ids) -> RowIndices:
        """Return the rows (L,) of those of any ids that are known and not gone."""
        return self._numbers.among(ids)

    def _drop(self, ids: Ids) -> None:
        self._set_place(self._numbers.drop(ids), FREE)

    def _set_place(self, rows: RowIndices, place: RowIndices | int) -> None:
        self._note(rows)
        self._rows["place"][rows] = place

    def _note(self, changed: RowIndices) -> None:
        self.retired_have_changed |= bool((self._rows["place"][changed] > 0).any())
