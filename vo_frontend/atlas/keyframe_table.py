"""Packed keyframes by row: pose and segment in a table, the rest in a record store."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.packed_keyframe import PackedKeyframe
from vo_frontend.atlas.record_store import RecordStore
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.growing import grown

Ids = NDArray[np.int64]

NO_ROW = -1

_ROW = np.dtype([("frame_index", np.int64), ("segment_id", np.int64), ("T_world_cam", np.float64, (4, 4))])


class RowPoses(NamedTuple):
    """Lists the keyframes of rows (K,)."""

    frame_indices: Ids  # (K,)
    segment_ids: Ids  # (K,)
    T_world_cam: NDArray[np.float64]  # (K, 4, 4)


class KeyframeTable:
    """Finds keyframes by frame index. A row keeps its number until its keyframe goes, then serves another."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records
        self._rows = np.zeros(0, _ROW)
        self._row_of: dict[int, int] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, frame_index: int) -> bool:
        return frame_index in self._row_of

    @property
    def num_rows(self) -> int:
        """Return a number that every row number is below."""
        return len(self._rows)

    @property
    def frame_index_of_row(self) -> Ids:
        """Return the frame index (num_rows,) of each row; of rows without a keyframe any."""
        return np.ascontiguousarray(self._rows["frame_index"])

    def frame_indices(self) -> Ids:
        """List all keyframes (K,) in time order."""
        return np.array(sorted(self._row_of), np.int64)

    def row(self, frame_index: int) -> int:
        """Find the row of a keyframe.

        Raises:
            ValueError: it is not here.
        """
        return int(self.rows(np.array([frame_index]))[0])

    def rows(self, frame_indices: Ids) -> Ids:
        """Find the rows (K,) of keyframes (K,).

        Raises:
            ValueError: one is not here.
        """
        try:
            return np.array([*map(self._row_of.__getitem__, frame_indices.tolist())], np.int64)
        except KeyError as error:
            raise ValueError(f"frame {error.args[0]} is no keyframe of the archive") from None

    def put(self, packed: PackedKeyframe, segment_id: int, T_world_cam: Transform) -> int:
        """Keep a keyframe, in place of the one with its frame index. Returns its row."""
        row = self._row_of.get(packed.frame_index)
        if row is None:
            row = self._free.pop() if self._free else len(self._row_of)
            self._rows = grown(self._rows, row + 1)
        self._records.put(row, packed.to_bytes())
        self._row_of[packed.frame_index] = row
        self._rows[row] = packed.frame_index, segment_id, T_world_cam
        return row

    def remove(self, frame_index: int) -> None:
        """Forget a keyframe."""
        row = self._row_of.pop(frame_index)
        self._records.remove(row)
        self._free.append(row)

    def packed(self, row: int) -> PackedKeyframe:
        """Read the keyframe of a row."""
        return PackedKeyframe.from_bytes(self._records.get(row))

    def poses(self, rows: Ids) -> RowPoses:
        """Return the keyframes of rows (K,), as copies."""
        found = self._rows[rows]
        return RowPoses(found["frame_index"], found["segment_id"], found["T_world_cam"])

    def move(self, rows: Ids, T_world_cam: NDArray[np.float64]) -> None:
        """Give the keyframes of rows (K,) other poses (K, 4, 4)."""
        self._rows["T_world_cam"][rows] = T_world_cam

    def assign(self, rows: Ids, segment_id: int) -> None:
        """Let the keyframes of rows (K,) belong to another segment."""
        self._rows["segment_id"][rows] = segment_id
