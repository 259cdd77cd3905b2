"""The trajectory in the three formats of the field, growing pose by pose (see formats/)."""

from collections import deque
from pathlib import Path

from vo_frontend.errors import OutputError
from vo_frontend.formats.append_file import AppendFile
from vo_frontend.formats.trajectories import (
    EUROC_HEADER,
    TUM_HEADER,
    TrajectoryFormat,
    euroc_row,
    frames_path,
    kitti_row,
    tum_row,
)
from vo_frontend.formats.trajectory_writer import segment_line
from vo_frontend.map_events import SegmentJoined
from vo_frontend.mapping.trajectory import EstimatedTrajectory, TrajectoryRecord
from vo_frontend.types import Frame, FrameResult

TUM_NAME = "trajectory_tum.txt"
KITTI_NAME = "trajectory_kitti.txt"
KITTI_FRAMES_NAME = frames_path(Path(KITTI_NAME)).name
EUROC_NAME = "trajectory_euroc.csv"
FILES = {
    TrajectoryFormat.TUM: TUM_NAME,
    TrajectoryFormat.KITTI: KITTI_NAME,
    TrajectoryFormat.EUROC: EUROC_NAME,
}
MAX_REWRITTEN_ROWS = 1000  # at a time: a camera may collect hours of poses beside one keyframe


class TrajectorySink:
    """Keeps the trajectory files equal to what is known: one row per pose, frames without a pose left out.

    The files are complete after every frame. When the map moves keyframes, the rows of the poses that hang
    on them are written anew, at once where they are among the last ``MAX_REWRITTEN_ROWS``, else by ``close``.

    A ``# segment k`` comment in the TUM file precedes the first pose of each segment: its world, and for mono
    its scale, is not that of the segment before.

    Args:
        folder: of the run.
        record: has taken every result before this sink does.
    """

    def __init__(self, folder: Path, record: TrajectoryRecord) -> None:
        self._folder = folder
        self._record = record
        self._is_stale = False  # rows before the last ones have moved since they were written
        self._num_rows = 0
        self._last_segment_id: int | None = None
        self._offsets: deque[tuple[int, ...]] = deque(maxlen=MAX_REWRITTEN_ROWS)  # of the last rows, per file
        self._tum = AppendFile(folder / TUM_NAME, "poses")
        self._euroc = AppendFile(folder / EUROC_NAME, "poses")
        # Frame numbers before poses: a number without a pose is harmless to readers, the reverse is not.
        self._files = (
            self._tum,
            AppendFile(folder / KITTI_FRAMES_NAME, "poses"),
            AppendFile(folder / KITTI_NAME, "poses"),
            self._euroc,
        )
        self._tum.append(TUM_HEADER.encode(), num_records=0)
        self._euroc.append(EUROC_HEADER.encode(), num_records=0)

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Rewrite the rows that have moved, and append the new ones.

        Raises:
            OutputError: the disk is full or the folder has gone; all files still end at the same pose.
        """
        first = self._record.first_changed_row
        oldest = self._num_rows - len(self._offsets)
        is_joined = any(isinstance(event, SegmentJoined) for event in result.events)
        self._is_stale |= first < oldest or is_joined
        first = max(first, oldest)
        changed = self._record.trajectory(first)
        num_moved = self._num_rows - first
        if num_moved > 0:
            self._rewrite(changed, num_moved)
        for row in range(num_moved, len(changed)):
            self._append(changed, row)

    def close(self) -> None:
        """Close all files, and rewrite them as a whole where earlier rows have moved."""
        for file in self._files:
            file.close()
        if self._is_stale and not any(file.has_failed for file in self._files):
            save_trajectory(self._folder, self._record.trajectory())

    def _rewrite(self, changed: EstimatedTrajectory, num_moved: int) -> None:
        """Replace the last rows, as many as there were, by the first ones of ``changed``."""
        position = len(self._offsets) - num_moved
        start = self._offsets[position]
        tails = [b"" for _ in self._files]
        segment_id = int(changed.segment_ids[0])
        for row in range(num_moved):
            if changed.segment_ids[row] != segment_id:
                segment_id = int(changed.segment_ids[row])
                tails[0] += segment_line(segment_id).encode()
            self._offsets[position + row] = tuple(
                at + len(tail) for at, tail in zip(start, tails, strict=True)
            )
            tails = [tail + text for tail, text in zip(tails, _row(changed, row), strict=True)]
        for file, at, tail in zip(self._files, start, tails, strict=True):
            file.replace_tail(at, tail)

    def _append(self, changed: EstimatedTrajectory, row: int) -> None:
        marks = [(file.size, file.num_records) for file in self._files]
        segment_id = int(changed.segment_ids[row])
        try:
            if segment_id != self._last_segment_id:
                self._tum.append(segment_line(segment_id).encode(), num_records=0)
            offsets = tuple(file.size for file in self._files)
            for file, text in zip(self._files, _row(changed, row), strict=True):
                file.append(text)
        except OutputError:
            for file, (size, num_records) in zip(self._files, marks, strict=True):
                file.truncate(size, num_records)
            raise
        self._last_segment_id = segment_id
        self._offsets.append(offsets)
        self._num_rows += 1


def save_trajectory(folder: Path, trajectory: EstimatedTrajectory) -> None:
    """Rewrite all trajectory files of a run folder.

    Raises:
        OutputError: a file cannot be written; it stays as it was.
    """
    for format_, name in FILES.items():
        trajectory.save(format_.value, folder / name)


def _row(trajectory: EstimatedTrajectory, row: int) -> tuple[bytes, ...]:
    """Format a pose for each file, in the order of ``TrajectorySink``'s files."""
    T_world_cam, timestamp_ns = trajectory.T_world_cam[row], int(trajectory.timestamps_ns[row])
    texts = (
        tum_row(timestamp_ns, T_world_cam),
        f"{trajectory.frame_indices[row]}\n",
        kitti_row(T_world_cam),
        euroc_row(timestamp_ns, T_world_cam),
    )
    return tuple(text.encode() for text in texts)
