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
from vo_frontend.mapping.spilling_table import SpillingTable
from vo_frontend.types import FrameResult

MAX_MEMORY_BYTES = 64 * 1024 * 1024  # beyond it, the table lies in a temporary file

# What ``place`` says; above 0 it is the number of the landmark among all that ever retired.
GONE = 0  # never there, wrong, or part of another one
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
    """Listens to results and knows where every landmark is now, in 24 bytes each.

    A position that is not finite is no news: the landmark stays where it was, or is unknown.
    ``retired_have_changed`` says whether the latest :meth:`update` has moved, recalled or dropped landmarks
    that had retired; if not, it has at most added some to them.
    """

    def __init__(self, max_memory_bytes: int = MAX_MEMORY_BYTES) -> None:
        self.retired_have_changed = False
        self._table = SpillingTable(_ROW, max_memory_bytes)
        self._num_ids = 0  # above all that are known
        self._num_retired = 0  # ever, landmarks that came back and left again counted again

    def __len__(self) -> int:
        """Count the landmarks, retired ones and those of the local map."""
        return int(np.count_nonzero(self._rows["place"]))

    def update(self, result: FrameResult) -> None:
        """Take what the result of the next frame tells of landmarks."""
        self.hear(result.events)
        if result.landmark_ids is not None:
            found = self._known(result.landmark_ids[result.landmark_ids >= 0])
            self._rows["num_views"][found] = np.minimum(self._rows["num_views"][found], MAX_VIEWS - 1) + 1

    def hear(self, events: Iterable[MapEvent]) -> None:
        """Take what events tell of landmarks."""
        self.retired_have_changed = False
        for event in events:
            self._apply(event)

    def cloud(self) -> LandmarkCloud:
        """Copy all landmarks: retired ones in the order in which they left, then those of the local map."""
        return self._copy(np.concatenate([self._retired_ids(1), self._local_ids()]))

    def local(self) -> LandmarkCloud:
        """Copy the landmarks of the local map, by id."""
        return self._copy(self._local_ids())

    def retired(self, max_landmarks: int | None = None) -> LandmarkCloud:
        """Copy the landmarks that have left the local map, in the order in which they left.

        Args:
            max_landmarks: with more ids than that, every second (fourth, eighth, ...) id alone.
        """
        step = 1
        while max_landmarks is not None and self._num_ids > step * max_landmarks:
            step *= 2
        return self._copy(self._retired_ids(step))

    @property
    def _rows(self) -> NDArray[Any]:
        return self._table.rows[: self._num_ids]

    def _local_ids(self) -> Ids:
        return np.flatnonzero(self._rows["place"] == LOCAL)

    def _retired_ids(self, step: int) -> Ids:
        place = self._rows["place"][::step]
        retired = np.flatnonzero(place > 0)
        return step * retired[np.argsort(place[retired])]

    def _copy(self, ids: Ids) -> LandmarkCloud:
        rows = self._rows[ids]
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
            self._set_place(self._known(event.ids), GONE)
        elif isinstance(event, LandmarksMerged):
            self._merge(event)
        elif isinstance(event, SegmentJoined):
            self._join(event)

    def _put(self, event: LandmarksAdded | LandmarksRetired) -> None:
        is_finite = np.isfinite(event.points_world).all(axis=1)
        ids = event.ids[is_finite]
        self._num_ids = max(self._num_ids, int(ids.max(initial=-1)) + 1)
        self._table.reserve(self._num_ids)
        is_new = self._rows["place"][ids] == GONE
        is_past = isinstance(event, LandmarksRetired)  # it retires before it was ever local
        self._rows["num_views"][ids[is_new]] = MAX_VIEWS if is_past else 0
        place: Ids | int = LOCAL
        if isinstance(event, LandmarksRetired):
            place = self._num_retired + 1 + np.arange(len(ids))
            self._num_retired += len(ids)
        self._set_place(ids, place)
        self._rows["point_world"][ids] = event.points_world[is_finite]
        self._rows["color"][ids] = event.colors[is_finite]
        self._rows["segment_id"][ids] = event.segment_id

    def _move(self, event: LandmarksMoved) -> None:
        """Move landmarks, which may be of any segment: that of the event is the one that is tracked."""
        is_meant = np.isfinite(event.points_world).all(axis=1) & (event.ids < self._num_ids)
        ids = event.ids[is_meant]
        self._rows["point_world"][ids] = event.points_world[is_meant]
        self._note(ids)

    def _merge(self, event: LandmarksMerged) -> None:
        is_known = (event.kept_ids < self._num_ids) & (event.gone_ids < self._num_ids)
        kept_ids, gone_ids = event.kept_ids[is_known], event.gone_ids[is_known]
        views = self._rows["num_views"][kept_ids].astype(np.int64) + self._rows["num_views"][gone_ids]
        self._rows["num_views"][kept_ids] = np.minimum(views, MAX_VIEWS)
        self._set_place(self._known(event.gone_ids), GONE)

    def _join(self, event: SegmentJoined) -> None:
        members = np.flatnonzero(self._rows["segment_id"] == event.segment_id)
        points_world = self._rows["point_world"][members].astype(np.float64)
        self._rows["point_world"][members] = event.similarity.transform_points(points_world)
        self._rows["segment_id"][members] = event.into_segment_id
        self._note(members)

    def _known(self, ids: Ids) -> Ids:
        """Leave out ids (L,) that no event has brought."""
        ids = ids[ids < self._num_ids]
        return ids[self._rows["place"][ids] != GONE]

    def _set_place(self, ids: Ids, place: Ids | int) -> None:
        self._note(ids)
        self._rows["place"][ids] = place

    def _note(self, changed: Ids) -> None:
        self.retired_have_changed |= bool((self._rows["place"][changed] > 0).any())
