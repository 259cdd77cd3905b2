"""The trajectory in the three formats of the field, growing pose by pose (formats: trajectory_io.py)."""

from pathlib import Path

from vo_frontend.errors import OutputError
from vo_frontend.outputs.append_file import AppendFile
from vo_frontend.trajectory_io import (
    EUROC_HEADER,
    TUM_HEADER,
    euroc_row,
    frames_path,
    kitti_row,
    tum_row,
)
from vo_frontend.types import Frame, FrameResult, StampedPose

TUM_NAME = "trajectory_tum.txt"
KITTI_NAME = "trajectory_kitti.txt"
KITTI_FRAMES_NAME = frames_path(Path(KITTI_NAME)).name
EUROC_NAME = "trajectory_euroc.csv"


class TrajectorySink:
    """Writes every known pose of the camera, ``T_world_cam``, once; frames without a pose have no row.

    Poses that a result places in hindsight (``backfilled``) come before the pose of the result itself,
    so that the files stay in time order. A ``# segment k`` comment in the TUM file precedes the first
    pose of each segment: its world, and for mono its scale, is not that of the segment before.
    """

    def __init__(self, folder: Path) -> None:
        self.num_poses = 0
        self._segment_id: int | None = None
        self._tum = AppendFile(folder / TUM_NAME, "poses")
        self._kitti = AppendFile(folder / KITTI_NAME, "poses")
        self._kitti_frames = AppendFile(folder / KITTI_FRAMES_NAME, "poses")
        self._euroc = AppendFile(folder / EUROC_NAME, "poses")
        self._files = (self._tum, self._kitti, self._kitti_frames, self._euroc)
        self._tum.append(TUM_HEADER.encode(), num_records=0)
        self._euroc.append(EUROC_HEADER.encode(), num_records=0)

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Append the poses of one result.

        Raises:
            OutputError: the disk is full or the folder has gone; all files still end at the same pose.
        """
        for pose in result.backfilled:
            self._append(pose, result.segment_id)
        if result.T_world_cam is not None:
            self._append(
                StampedPose(result.frame_index, result.timestamp_ns, result.T_world_cam), result.segment_id
            )

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()

    def _append(self, pose: StampedPose, segment_id: int) -> None:
        marks = [(file, file.size, file.num_records) for file in self._files]
        comment = f"# segment {segment_id}\n" if segment_id != self._segment_id else ""
        rows = {
            self._tum: comment + tum_row(pose.timestamp_ns, pose.T_world_cam),
            # Before the pose: a number without a pose is harmless to readers, the reverse is not.
            self._kitti_frames: f"{pose.frame_index}\n",
            self._kitti: kitti_row(pose.T_world_cam),
            self._euroc: euroc_row(pose.timestamp_ns, pose.T_world_cam),
        }
        try:
            for file, row in rows.items():
                file.append(row.encode())
        except OutputError:
            for file, size, num_records in marks:
                file.truncate(size, num_records)
            raise
        self._segment_id = segment_id
        self.num_poses += 1
