"""Whole trajectories as files: TUM (segments marked by comments), KITTI and EuRoC."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError, did_you_mean
from vo_frontend.formats.atomic import write_atomically
from vo_frontend.formats.trajectories import (
    EUROC_HEADER,
    TUM_HEADER,
    TrajectoryFormat,
    euroc_rows,
    frames_path,
    kitti_rows,
    tum_rows,
)


def segment_line(segment_id: int) -> str:
    """Format the comment that precedes the first pose of a segment in a TUM file."""
    return f"# segment {segment_id}\n"


def format_named(name: str) -> TrajectoryFormat:
    """Look a format up by its name: tum, kitti or euroc.

    Raises:
        TrajectoryError: no such format.
    """
    known = [each.value for each in TrajectoryFormat]
    if name not in known:
        raise TrajectoryError(f"unknown trajectory format '{name}', {did_you_mean(name, known)}")
    return TrajectoryFormat(name)


def write_poses(
    path: Path,
    format: TrajectoryFormat,
    frame_indices: NDArray[np.int64],
    timestamps_ns: NDArray[np.int64],
    segment_ids: NDArray[np.int64],
    T_world_cam: NDArray[np.float64],
) -> None:
    """Write a trajectory in one format; KITTI's frame numbers go to ``<stem>_frames.txt`` beside it.

    Args:
        path: of the file; an older one is replaced as a whole.
        format: of the rows.
        frame_indices: (N,).
        timestamps_ns: (N,) ns.
        segment_ids: (N,) marked by comments in TUM files; the other formats do not know segments.
        T_world_cam: (N, 4, 4).

    Raises:
        OutputError: a file cannot be written; an older one stays as it was.
    """
    stamps_ns = timestamps_ns.tolist()
    if format is TrajectoryFormat.KITTI:
        _write(frames_path(path), [f"{index}\n" for index in frame_indices.tolist()])
        _write(path, kitti_rows(T_world_cam))
    elif format is TrajectoryFormat.EUROC:
        _write(path, [EUROC_HEADER, *euroc_rows(stamps_ns, T_world_cam)])
    else:
        lines, before = [TUM_HEADER], None
        for segment_id, row in zip(segment_ids.tolist(), tum_rows(stamps_ns, T_world_cam), strict=True):
            if segment_id != before:
                lines.append(segment_line(segment_id))
            lines.append(row)
            before = segment_id
        _write(path, lines)


def _write(path: Path, lines: Sequence[str]) -> None:
    write_atomically(path, "".join(lines).encode())
