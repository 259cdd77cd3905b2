"""The three trajectory formats of the field, row by row: TUM, KITTI and EuRoC/ASL.

| format | row | stamps |
|---|---|---|
| TUM | ``timestamp tx ty tz qx qy qz qw`` | seconds, 9 decimals |
| KITTI | upper 3x4 of ``T_world_cam``, row-major | none; ``<stem>_frames.txt`` may number the rows |
| EuRoC | ``timestamp, p_x, p_y, p_z, q_w, q_x, q_y, q_z[, ...]`` | integer ns |

Stamps are parsed and printed as decimal text, never through float, so they survive exactly. Numbers
are written in the shortest form that reads back as the same float64. ``# segment k`` comments (our
TUM files) say where a new segment with its own origin begins.
"""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.types import Trajectory

log = logging.getLogger(__name__)

TUM_HEADER = "# timestamp tx ty tz qx qy qz qw\n"
EUROC_HEADER = "#timestamp [ns],p_x,p_y,p_z,q_w,q_x,q_y,q_z\n"
MAX_QUATERNION_NORM_ERROR = 0.01  # datasets print 4 decimals; more than that is another column order
MAX_ROTATION_ERROR = 0.01  # of R^T R against identity
MAX_SECONDS = Decimal(2**63) / 10**9  # what an int64 of nanoseconds holds

T = TypeVar("T")

_SEGMENT = re.compile(r"#\s*segment\s+(\d+)\s*$")


class TrajectoryFormat(Enum):
    """How a trajectory file is laid out."""

    TUM = "tum"
    KITTI = "kitti"
    EUROC = "euroc"


@dataclass(frozen=True, slots=True)
class PoseFile:
    """What a trajectory file says, before it is given times it does not have."""

    path: Path
    format: TrajectoryFormat
    T_world_cam: NDArray[np.float64]  # (N, 4, 4)
    segment_ids: NDArray[np.int64]  # (N,) zeros unless the file marks segments
    timestamps_ns: NDArray[np.int64] | None  # (N,) strictly increasing; None for KITTI
    frame_indices: NDArray[np.int64] | None  # (N,) strictly increasing; KITTI only

    def __len__(self) -> int:
        return len(self.T_world_cam)

    def with_times(self, times_ns: NDArray[np.int64]) -> "PoseFile":
        """Stamp KITTI rows with the times (F,) of the frames of the sequence.

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
        """One trajectory per segment, in time order; empty for a file without poses."""
        if self.timestamps_ns is None:
            raise TrajectoryError(f"{self.path}: KITTI rows carry no stamps; give the sequence's times.txt")
        ids = list(dict.fromkeys(self.segment_ids.tolist()))
        masks = [self.segment_ids == segment_id for segment_id in ids]
        return [Trajectory(self.timestamps_ns[mask], self.T_world_cam[mask]) for mask in masks]

    @property
    def trajectory(self) -> Trajectory:
        """All poses, regardless of segments."""
        if self.timestamps_ns is None:
            raise TrajectoryError(f"{self.path}: KITTI rows carry no stamps; give the sequence's times.txt")
        return Trajectory(self.timestamps_ns, self.T_world_cam)


def tum_row(timestamp_ns: int, T_world_cam: Transform) -> str:
    """Format one row, newline included."""
    qw, qx, qy, qz = se3.quaternion_from_rotation(T_world_cam[:3, :3])
    return f"{format_seconds(timestamp_ns)} {_numbers([*T_world_cam[:3, 3], qx, qy, qz, qw], ' ')}\n"


def kitti_row(T_world_cam: Transform) -> str:
    """Format one row, newline included."""
    return _numbers(T_world_cam[:3].ravel(), " ") + "\n"


def euroc_row(timestamp_ns: int, T_world_cam: Transform) -> str:
    """Format one row, newline included."""
    q_wxyz = se3.quaternion_from_rotation(T_world_cam[:3, :3])
    return f"{timestamp_ns},{_numbers([*T_world_cam[:3, 3], *q_wxyz], ',')}\n"


def format_seconds(timestamp_ns: int) -> str:
    """Nanoseconds as decimal seconds with nine decimals, exactly."""
    whole, rest = divmod(abs(int(timestamp_ns)), 10**9)
    return f"{'-' if timestamp_ns < 0 else ''}{whole}.{rest:09d}"


def parse_seconds(text: str) -> int:
    """Decimal seconds as nanoseconds, rounded to the nearest where the text is finer.

    Raises:
        ValueError: not a finite number, or beyond the range of int64 nanoseconds.
    """
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"'{text}' is not a number") from None
    if not seconds.is_finite() or abs(seconds) >= MAX_SECONDS:
        raise ValueError(f"'{text}' is not a time in seconds")
    return int(seconds.scaleb(9).to_integral_value(ROUND_HALF_EVEN))


def frames_path(kitti_path: Path) -> Path:
    """Where the frame numbers of a KITTI file's rows lie, one per row."""
    return kitti_path.with_name(f"{kitti_path.stem}_frames.txt")


def read_times(path: Path) -> NDArray[np.int64]:
    """Read KITTI's ``times.txt``: seconds, one row per frame. Returns (F,) ns.

    Raises:
        TrajectoryError: the file cannot be read, or a row is not a time later than the row before.
    """
    rows = [(line, text) for line, text in enumerate(_read_lines(path), 1) if text]
    times_ns = [_parse(path, line, text, parse_seconds, "a time in seconds") for line, text in rows]
    _require_increasing(path, [line for line, _ in rows], times_ns)
    return np.array(times_ns, dtype=np.int64)


def read_poses(path: Path) -> PoseFile:
    """Read a trajectory file; the format is told from its first row.

    Raises:
        TrajectoryError: with file and line: wrong columns, a number that is not finite, a matrix or
            quaternion that is not a rotation, stamps that do not increase.
    """
    lines = _read_lines(path)
    format_ = detect_format(path, lines)
    rows: list[_Row] = []
    segment_ids: list[int] = []
    segment_id = 0
    for line, text in enumerate(lines, 1):
        if text.startswith("#"):
            marker = _SEGMENT.match(text)
            segment_id = int(marker[1]) if marker else segment_id
        elif text:
            rows.append(_parse_row(path, line, text, format_))
            segment_ids.append(segment_id)
    numbers = [row.line for row in rows]
    stamps = None if format_ is TrajectoryFormat.KITTI else [row.timestamp_ns for row in rows]
    if stamps is not None:
        _require_increasing(path, numbers, stamps)
    return PoseFile(
        path=path,
        format=format_,
        T_world_cam=_poses(path, rows, format_),
        segment_ids=np.array(segment_ids, dtype=np.int64),
        timestamps_ns=None if stamps is None else np.array(stamps, dtype=np.int64),
        frame_indices=_frame_indices(path, len(rows)) if stamps is None else None,
    )


def poses_from_matrices(matrices: NDArray[np.float64], where: Sequence[str]) -> NDArray[np.float64]:
    """Poses (N, 4, 4) of matrices (N, 3, 4) whose rotations were rounded to a few decimals.

    Raises:
        TrajectoryError: a matrix is not finite or not a rotation; ``where`` (N,) names it.
    """
    is_finite = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
    _require(is_finite, where, "the pose is not finite, expected numbers only")
    R = matrices[:, :, :3]
    error = np.abs(np.swapaxes(R, 1, 2) @ R - np.eye(3)).max(axis=(1, 2))
    is_rotation = (error <= MAX_ROTATION_ERROR) & (np.linalg.det(R) > 0)
    _require(is_rotation, where, "the left 3x3 is not a rotation, expected orthonormal rows")
    return se3.from_rotation_translation(se3.nearest_rotation(R), matrices[:, :, 3])


def detect_format(path: Path, lines: Sequence[str]) -> TrajectoryFormat:
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


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    timestamp_ns: int  # 0 for KITTI
    values: list[float]  # TUM and EuRoC: position and quaternion as in the file; KITTI: 12 numbers


_COLUMNS = {
    TrajectoryFormat.TUM: (8, "timestamp tx ty tz qx qy qz qw"),
    TrajectoryFormat.KITTI: (12, "the 3x4 matrix of a pose"),
    TrajectoryFormat.EUROC: (8, "timestamp, px, py, pz, qw, qx, qy, qz"),
}


def _parse_row(path: Path, line: int, text: str, format_: TrajectoryFormat) -> _Row:
    is_euroc = format_ is TrajectoryFormat.EUROC
    columns = text.split("," if is_euroc else None)
    count, meaning = _COLUMNS[format_]
    if len(columns) < count or (len(columns) > count and not is_euroc):
        raise TrajectoryError(f"{path}:{line}: got {len(columns)} columns, expected {count} ({meaning})")
    columns = columns[:count]  # EuRoC goes on with velocities and biases
    timestamp_ns = 0
    if format_ is TrajectoryFormat.TUM:
        timestamp_ns = _parse(path, line, columns.pop(0), parse_seconds, "a time in seconds")
    elif is_euroc:
        timestamp_ns = _parse(path, line, columns.pop(0), _parse_nanoseconds, "an integer time in ns")
    return _Row(line, timestamp_ns, [_parse(path, line, column, float, "a number") for column in columns])


def _poses(path: Path, rows: Sequence[_Row], format_: TrajectoryFormat) -> NDArray[np.float64]:
    """Assemble (N, 4, 4) and refuse the first row that is not a pose."""
    if not rows:
        return np.zeros((0, 4, 4))
    where = [f"{path}:{row.line}" for row in rows]
    values = np.array([row.values for row in rows])
    if format_ is TrajectoryFormat.KITTI:
        return poses_from_matrices(values.reshape(-1, 3, 4), where)
    _require(np.isfinite(values).all(axis=1), where, "the pose is not finite, expected numbers only")
    q_wxyz = values[:, [6, 3, 4, 5]] if format_ is TrajectoryFormat.TUM else values[:, 3:]
    is_unit = np.abs(np.linalg.norm(q_wxyz, axis=1) - 1) <= MAX_QUATERNION_NORM_ERROR
    _require(is_unit, where, f"the quaternion is not of unit length, expected {_COLUMNS[format_][1]}")
    return se3.from_rotation_translation(se3.rotation_from_quaternion(q_wxyz), values[:, :3])


def _require(is_good: NDArray[np.bool_], where: Sequence[str], message: str) -> None:
    if not is_good.all():
        raise TrajectoryError(f"{where[int(np.argmin(is_good))]}: {message}")


def _require_increasing(path: Path, lines: Sequence[int], stamps_ns: Sequence[int]) -> None:
    for line, before, now in zip(lines[1:], stamps_ns, stamps_ns[1:], strict=False):
        if now <= before:
            found = "repeats" if now == before else f"is earlier than {format_seconds(before)} s of"
            raise TrajectoryError(
                f"{path}:{line}: timestamp {format_seconds(now)} s {found} the row before, expected "
                "increasing stamps; sort the file and keep one pose per stamp"
            )


def _frame_indices(path: Path, num_rows: int) -> NDArray[np.int64]:
    """Frame numbers of KITTI rows: of the companion file, else 0, 1, 2, ..."""
    companion = frames_path(path)
    if not companion.is_file():
        return np.arange(num_rows)
    rows = [(line, text) for line, text in enumerate(_read_lines(companion), 1) if text]
    indices = [_parse(companion, line, text, int, "a frame number") for line, text in rows]
    # A run that was killed between its two files leaves one number without a pose.
    if len(indices) not in (num_rows, num_rows + 1):
        raise TrajectoryError(
            f"{companion}: got {len(indices)} frame numbers, expected {num_rows}, one per row of {path.name}"
        )
    for (line, _), before, now in zip(rows, [-1, *indices], indices, strict=False):
        if now <= before:
            raise TrajectoryError(
                f"{companion}:{line}: frame {now} after {before}, expected increasing numbers"
            )
    return np.array(indices[:num_rows], dtype=np.int64)


def _parse(path: Path, line: int, text: str, parser: Callable[[str], T], expected: str) -> T:
    try:
        return parser(text.strip())
    except ValueError:
        raise TrajectoryError(f"{path}:{line}: got '{text.strip()}', expected {expected}") from None


def _parse_nanoseconds(text: str) -> int:
    timestamp_ns = int(text)
    if abs(timestamp_ns) >= 2**63:
        raise ValueError(f"'{text}' does not fit 64 bits")
    return timestamp_ns


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise TrajectoryError(f"{path}: cannot read the file ({error.strerror})") from None
    return [line.strip() for line in text.splitlines()]


def _numbers(values: Iterable[float], separator: str) -> str:
    return separator.join(repr(float(value)) for value in values)
