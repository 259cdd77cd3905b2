"""The trajectory in the three formats of the field, growing pose by pose (see formats/)."""

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from vo_frontend.errors import OutputError
from vo_frontend.formats.append_file import AppendFile
from vo_frontend.formats.trajectories import (
    EUROC_HEADER,
    TUM_HEADER,
    TrajectoryFormat,
    euroc_rows,
    frames_path,
    kitti_rows,
    tum_rows,
)
from vo_frontend.formats.trajectory_writer import segment_line
from vo_frontend.map_events import SegmentJoined
from vo_frontend.mapping.trajectory import EstimatedTrajectory, TrajectoryRecord
from vo_frontend.types import Frame, FrameResult, StampedPose

TUM_NAME = "trajectory_tum.txt"
KITTI_NAME = "trajectory_kitti.txt"
EUROC_NAME = "trajectory_euroc.csv"
FILES = {
    TrajectoryFormat.TUM: TUM_NAME,
    TrajectoryFormat.KITTI: KITTI_NAME,
    TrajectoryFormat.EUROC: EUROC_NAME,
}
ONLINE_FILES = {
    TrajectoryFormat.TUM: "trajectory_online_tum.txt",
    TrajectoryFormat.KITTI: "trajectory_online_kitti.txt",
    TrajectoryFormat.EUROC: "trajectory_online_euroc.csv",
}
ALL_NAMES = tuple(
    name
    for names in (FILES, ONLINE_FILES)
    for name in (*names.values(), frames_path(Path(names[TrajectoryFormat.KITTI])).name)
)
MAX_REWRITTEN_ROWS = 200  # at a time, 4 ms: recalled keyframes move poses of long ago
REWRITE_PERIOD_S = 0.5  # every keyframe moves those before it; nobody reads the file as often


class PoseFiles:
    """The files of one trajectory: they grow pose by pose and always end at the same one.

    A ``# segment k`` comment in the TUM file precedes the first pose of each segment: its world, and for mono
    its scale, is not that of the segment before.
    """

    def __init__(self, folder: Path, names: Mapping[TrajectoryFormat, str]) -> None:
        self._last_segment_id: int | None = None
        kitti = folder / names[TrajectoryFormat.KITTI]
        self._tum = AppendFile(folder / names[TrajectoryFormat.TUM], "poses")
        self._euroc = AppendFile(folder / names[TrajectoryFormat.EUROC], "poses")
        # Frame numbers before poses: a number without a pose is harmless to readers, the reverse is not.
        self._files = (
            self._tum,
            AppendFile(frames_path(kitti), "poses"),
            AppendFile(kitti, "poses"),
            self._euroc,
        )
        self._tum.append(TUM_HEADER.encode(), num_records=0)
        self._euroc.append(EUROC_HEADER.encode(), num_records=0)

    @property
    def have_failed(self) -> bool:
        """Return whether a write has failed."""
        return any(file.has_failed for file in self._files)

    def append(self, pose: StampedPose, segment_id: int) -> tuple[int, ...]:
        """Add a pose, and return where its row begins in each file.

        Raises:
            OutputError: the disk is full or the folder has gone; all files still end at the same pose.
        """
        marks = [(file.size, file.num_records) for file in self._files]
        try:
            if segment_id != self._last_segment_id:
                self._tum.append(segment_line(segment_id).encode(), num_records=0)
            offsets = tuple(file.size for file in self._files)
            for file, text in zip(self._files, _rows([pose])[0], strict=True):
                file.append(text)
        except OutputError:
            for file, (size, num_records) in zip(self._files, marks, strict=True):
                file.truncate(size, num_records)
            raise
        self._last_segment_id = segment_id
        return offsets

    def rewrite(
        self, start: Sequence[int], poses: Sequence[tuple[StampedPose, int]]
    ) -> list[tuple[int, ...]]:
        """Replace the last rows, from where they begin in each file, by as many poses with their segments.

        Returns:
            Where each row begins now, in each file.
        """
        offsets, tails, sizes = [], [list[bytes]() for _ in self._files], list(start)
        before = poses[0][1]
        for (_, segment_id), row in zip(poses, _rows([pose for pose, _ in poses]), strict=True):
            if segment_id != before:
                line = segment_line(segment_id).encode()
                tails[0].append(line)
                sizes[0] += len(line)
            before = segment_id
            offsets.append(tuple(sizes))
            for number, text in enumerate(row):
                tails[number].append(text)
                sizes[number] += len(text)
        for file, at, tail in zip(self._files, start, tails, strict=True):
            file.replace_tail(at, b"".join(tail))
        return offsets

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()


class TrajectorySink:
    """Keeps the trajectory files equal to what is known: one row per pose, frames without a pose left out.

    Each pose is in the files as soon as it is known. When the map moves keyframes, the rows of the poses that
    hang on them are written anew: within ``period_s`` where they are among the last ``MAX_REWRITTEN_ROWS``,
    else by ``close``.

    Args:
        folder: of the run.
        record: has taken every result before this sink does.
        period_s: from one time that moved rows are written to the next.
        clock: of any origin, s.
    """

    def __init__(
        self,
        folder: Path,
        record: TrajectoryRecord,
        period_s: float = REWRITE_PERIOD_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._record = record
        self._period_s, self._clock = period_s, clock
        self._due_s = -math.inf
        self._first_moved_row = sys.maxsize  # since rows were written anew; that of none
        self._is_stale = False  # rows before the last ones have moved since they were written
        self._num_rows = 0
        self._offsets: deque[tuple[int, ...]] = deque(maxlen=MAX_REWRITTEN_ROWS)  # of the last rows, per file
        self._files = PoseFiles(folder, FILES)

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Append the new poses; where it is time, rewrite the rows that have moved.

        Raises:
            OutputError: the disk is full or the folder has gone; all files still end at the same pose.
        """
        self._is_stale |= any(isinstance(event, SegmentJoined) for event in result.events)
        self._note_moved()
        if self._first_moved_row < self._num_rows and self._clock() >= self._due_s:
            self._rewrite()
        for pose, segment_id in _poses_of(self._record.trajectory(self._num_rows)):
            self._offsets.append(self._files.append(pose, segment_id))
            self._num_rows += 1

    def close(self) -> None:
        """Close all files, and rewrite them as a whole where rows have moved since they were written."""
        self._files.close()
        self._note_moved()  # after the last frame
        self._is_stale |= self._first_moved_row < self._num_rows
        if self._is_stale and not self._files.have_failed:
            save_trajectory(self._folder, self._record.trajectory())

    def _note_moved(self) -> None:
        """Remember the first row that the latest update of the record has moved, if it is written already."""
        first = self._record.first_changed_row
        if first < self._num_rows:
            self._first_moved_row = min(self._first_moved_row, first)

    def _rewrite(self) -> None:
        """Write the last rows anew, from the first that has moved on."""
        oldest = self._num_rows - len(self._offsets)
        self._is_stale |= self._first_moved_row < oldest
        first = max(self._first_moved_row, oldest)
        poses = _poses_of(self._record.trajectory(first))[: self._num_rows - first]
        offsets = self._files.rewrite(self._offsets[first - self._num_rows], poses)
        for position, offset in enumerate(offsets, start=first - self._num_rows):
            self._offsets[position] = offset
        self._first_moved_row, self._due_s = sys.maxsize, self._clock() + self._period_s


class OnlineTrajectorySink:
    """Writes each pose as its own frame told it: what was known then, never corrected afterwards."""

    def __init__(self, folder: Path) -> None:
        self._files = PoseFiles(folder, ONLINE_FILES)

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Append the pose of one frame, if it has one.

        Raises:
            OutputError: the disk is full or the folder has gone; all files still end at the same pose.
        """
        if result.T_world_cam is not None:
            pose = StampedPose(result.frame_index, result.timestamp_ns, result.T_world_cam)
            self._files.append(pose, result.segment_id)

    def close(self) -> None:
        """Close all files."""
        self._files.close()


def save_trajectory(
    folder: Path, trajectory: EstimatedTrajectory, names: Mapping[TrajectoryFormat, str] = FILES
) -> None:
    """Rewrite all trajectory files of a run folder.

    Args:
        folder: of the run.
        trajectory: to write.
        names: of the files: ``FILES`` or ``ONLINE_FILES``.

    Raises:
        OutputError: a file cannot be written; it stays as it was.
    """
    for format_, name in names.items():
        trajectory.save(format_.value, folder / name)


def _poses_of(trajectory: EstimatedTrajectory) -> list[tuple[StampedPose, int]]:
    """List the poses with their segments."""
    stamps = trajectory.frame_indices.tolist(), trajectory.timestamps_ns.tolist()
    poses = map(StampedPose, *stamps, trajectory.T_world_cam)
    return list(zip(poses, trajectory.segment_ids.tolist(), strict=True))


def _rows(poses: Sequence[StampedPose]) -> list[tuple[bytes, ...]]:
    """Format poses for each file, in the order of those of ``PoseFiles``."""
    stamps_ns = [pose.timestamp_ns for pose in poses]
    T_world_cam = np.array([pose.T_world_cam for pose in poses])
    columns = (
        tum_rows(stamps_ns, T_world_cam),
        [f"{pose.frame_index}\n" for pose in poses],
        kitti_rows(T_world_cam),
        euroc_rows(stamps_ns, T_world_cam),
    )
    return [tuple(text.encode() for text in texts) for texts in zip(*columns, strict=True)]
