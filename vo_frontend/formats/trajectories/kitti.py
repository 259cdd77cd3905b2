"""KITTI rows: the upper 3x4 of ``T_world_cam``, row-major, without times (Geiger et al., CVPR 2012).

Times lie in ``times.txt``, one row per frame of the sequence. Where not every frame has a pose, our
``<stem>_frames.txt`` gives the frame number of each row.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.formats.seconds import parse_seconds
from vo_frontend.formats.trajectories.rows import (
    PoseRow,
    TextRow,
    number_rows,
    read_rows,
    require_increasing,
)
from vo_frontend.geometry.se3 import Transform

MAX_FRAME_DIGITS = 9


def kitti_rows(T_world_cam: NDArray[np.float64]) -> list[str]:
    """Format the rows of poses (N, 4, 4), newlines included."""
    return [f"{row}\n" for row in number_rows(T_world_cam[:, :3].reshape(-1, 12), " ")]


def kitti_row(T_world_cam: Transform) -> str:
    """Format the row of a pose (4, 4), newline included."""
    return kitti_rows(T_world_cam[None])[0]


def parse_kitti_row(row: TextRow) -> PoseRow:
    """Read one row.

    Raises:
        TrajectoryError: another number of columns, or one that is not a number.
    """
    return PoseRow(row, None, row.numbers(row.columns(12, "the 3x4 matrix of a pose")))


def frames_path(kitti_path: Path) -> Path:
    """Return where the frame numbers of a KITTI file's rows lie, one per row."""
    return kitti_path.with_name(f"{kitti_path.stem}_frames.txt")


def read_frame_indices(kitti_path: Path, num_rows: int) -> NDArray[np.int64]:
    """Read the frame numbers (N,) of N rows: from the companion file, else 0, 1, 2, ...

    Raises:
        TrajectoryError: the companion has another number of rows, or its numbers do not increase.
    """
    companion = frames_path(kitti_path)
    if not companion.is_file():
        return np.arange(num_rows)
    rows = read_rows(companion)
    indices = [row.parse(row.text, _frame_number, "a frame number") for row in rows]
    # A run that was killed between its two files leaves one number without a pose.
    if len(indices) not in (num_rows, num_rows + 1):
        raise TrajectoryError(
            f"{companion}: got {len(indices)} frame numbers, expected {num_rows}, "
            f"one per row of {kitti_path.name}"
        )
    for row, before, now in zip(rows, [-1, *indices], indices, strict=False):
        if now <= before:
            raise TrajectoryError(f"{row.where}: frame {now} after {before}, expected increasing numbers")
    return np.array(indices[:num_rows], dtype=np.int64)


def _frame_number(text: str) -> int:
    if len(text) > MAX_FRAME_DIGITS:
        raise ValueError(f"'{text}' is beyond any sequence")
    return int(text)


def read_times(path: Path) -> NDArray[np.int64]:
    """Read ``times.txt``: seconds, one row per frame. Returns (F,) ns.

    Raises:
        TrajectoryError: the file cannot be read, or a row is not a time later than the row before.
    """
    rows = read_rows(path)
    times_ns = [row.parse(row.text, parse_seconds, "a time in seconds") for row in rows]
    require_increasing(rows, times_ns)
    return np.array(times_ns, dtype=np.int64)
