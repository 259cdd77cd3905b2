"""A trajectory file of any of the three formats, told apart by its first row."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.formats.trajectories.euroc import EUROC_COLUMNS, parse_euroc_row
from vo_frontend.formats.trajectories.kitti import parse_kitti_row, read_frame_indices
from vo_frontend.formats.trajectories.poses import poses_from_matrices, poses_from_quaternions
from vo_frontend.formats.trajectories.rows import PoseRow, TextRow, read_lines, require_increasing
from vo_frontend.formats.trajectories.tum import SEGMENT, TUM_COLUMNS, parse_tum_row
from vo_frontend.types import Trajectory

log = logging.getLogger(__name__)

MAX_SEGMENT_DIGITS = 18


class TrajectoryFormat(Enum):
    """How a trajectory file is laid out."""

    TUM = "tum"
    KITTI = "kitti"
    EUROC = "euroc"


@dataclass(frozen=True, slots=True)
class PoseFile:
    """The poses of a trajectory file; KITTI's have no times until :meth:`with_times` adds them."""

    path: Path
    format: TrajectoryFormat
    T_world_cam: NDArray[np.float64]  # (N, 4, 4)
    segment_ids: NDArray[np.int64]  # (N,) zeros unless the file marks segments
    timestamps_ns: NDArray[np.int64] | None  # (N,) strictly increasing; None for KITTI
    frame_indices: NDArray[np.int64] | None  # (N,) strictly increasing; KITTI only

    def __len__(self) -> int:
        return len(self.T_world_cam)

    def with_times(self, times_ns: NDArray[np.int64]) -> "PoseFile":
        """Stamp KITTI rows with the times (F,) in ns of the frames of the sequence.

        Part of a sequence comes with the times of its own frames, but with the poses of all: rows of
        frames beyond the last time are left out, and the log says how many.

        Raises:
            TrajectoryError: no row has a time.
        """
        if self.frame_indices is None:
            return self
        timed = self.frame_indices < len(times_ns)
        if len(self) and not timed.any():
            raise TrajectoryError(
                f"{self.path}: its first pose is of frame {self.frame_indices[0]}, but times are given for "
                f"{len(times_ns)} frames only; use the times.txt of the same sequence"
            )
        if not timed.all():
            log.info("%s: %d poses of frames without a time are left out", self.path, (~timed).sum())
        return replace(
            self,
            T_world_cam=self.T_world_cam[timed],
            segment_ids=self.segment_ids[timed],
            timestamps_ns=times_ns[self.frame_indices[timed]],
            frame_indices=self.frame_indices[timed],
        )

    def segments(self) -> list[Trajectory]:
        """Return one trajectory per segment, in time order; none for a file without poses."""
        if self.timestamps_ns is None:
            raise TrajectoryError(f"{self.path}: KITTI rows carry no stamps; give the sequence's times.txt")
        ids = list(dict.fromkeys(self.segment_ids.tolist()))
        masks = [self.segment_ids == segment_id for segment_id in ids]
        return [Trajectory(self.timestamps_ns[mask], self.T_world_cam[mask]) for mask in masks]

    @property
    def trajectory(self) -> Trajectory:
        """Return all poses, regardless of segments."""
        if self.timestamps_ns is None:
            raise TrajectoryError(f"{self.path}: KITTI rows carry no stamps; give the sequence's times.txt")
        return Trajectory(self.timestamps_ns, self.T_world_cam)


_PARSERS: dict[TrajectoryFormat, Callable[[TextRow], PoseRow]] = {
    TrajectoryFormat.TUM: parse_tum_row,
    TrajectoryFormat.KITTI: parse_kitti_row,
    TrajectoryFormat.EUROC: parse_euroc_row,
}


def read_poses(path: Path) -> PoseFile:
    """Read a trajectory file; the format is told from its first row.

    Raises:
        TrajectoryError: with file and line: wrong columns, a number that is not finite, a matrix or
            quaternion that is not a rotation, stamps that do not increase.
    """
    lines = read_lines(path)
    format_ = _detect_format(path, lines)
    parse_row = _PARSERS[format_]
    rows: list[PoseRow] = []
    segment_ids: list[int] = []
    segment_id = 0
    for line, text in enumerate(lines, 1):
        if text.startswith("#"):
            marker = SEGMENT.match(text)
            if marker is not None:
                segment_id = TextRow(path, line, text).parse(marker[1], _segment_id, "a number of a segment")
        elif text:
            rows.append(parse_row(TextRow(path, line, text)))
            segment_ids.append(segment_id)
    is_kitti = format_ is TrajectoryFormat.KITTI
    return PoseFile(
        path=path,
        format=format_,
        timestamps_ns=None if is_kitti else _timestamps(rows),
        T_world_cam=_poses(rows, format_),
        segment_ids=np.array(segment_ids, dtype=np.int64),
        frame_indices=read_frame_indices(path, len(rows)) if is_kitti else None,
    )


def _segment_id(text: str) -> int:
    if len(text) > MAX_SEGMENT_DIGITS:
        raise ValueError(f"'{text}' does not fit 64 bits")
    return int(text)


def _detect_format(path: Path, lines: Sequence[str]) -> TrajectoryFormat:
    """Tell the format from the first row; without rows from the name (``.csv``, ``kitti``)."""
    first = next(((n, text) for n, text in enumerate(lines, 1) if text and not text.startswith("#")), None)
    if first is None:
        if path.suffix == ".csv":
            return TrajectoryFormat.EUROC
        return TrajectoryFormat.KITTI if "kitti" in path.stem else TrajectoryFormat.TUM
    line, text = first
    if "," in text:
        return TrajectoryFormat.EUROC
    num_columns = len(text.split())
    if num_columns in (8, 12):
        return TrajectoryFormat.TUM if num_columns == 8 else TrajectoryFormat.KITTI
    raise TrajectoryError(
        f"{path}:{line}: got {num_columns} columns, expected 8 (TUM: timestamp tx ty tz qx qy qz qw), "
        "12 (KITTI) or at least 8 with commas (EuRoC)"
    )


def _timestamps(rows: Sequence[PoseRow]) -> NDArray[np.int64]:
    stamps_ns = [row.timestamp_ns for row in rows if row.timestamp_ns is not None]
    require_increasing([row.row for row in rows], stamps_ns)
    return np.array(stamps_ns, dtype=np.int64)


def _poses(rows: Sequence[PoseRow], format_: TrajectoryFormat) -> NDArray[np.float64]:
    """Assemble (N, 4, 4) and refuse the first row that is not a pose."""
    if not rows:
        return np.zeros((0, 4, 4))
    where = [row.row.where for row in rows]
    values = np.array([row.values for row in rows])
    if format_ is TrajectoryFormat.KITTI:
        return poses_from_matrices(values.reshape(-1, 3, 4), where)
    columns = TUM_COLUMNS if format_ is TrajectoryFormat.TUM else EUROC_COLUMNS
    return poses_from_quaternions(values, where, columns)
