"""The trajectory in the three formats of the field, growing pose by pose (see formats/)."""

from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path

from vo_frontend.errors import OutputError
from vo_frontend.formats.append_file import AppendFile
from vo_frontend.formats.trajectories import (
    EUROC_HEADER,
    TUM_HEADER,
    euroc_row,
    frames_path,
    kitti_row,
    tum_row,
)
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.types import Frame, FrameResult, MapSnapshot, StampedPose

TUM_NAME = "trajectory_tum.txt"
KITTI_NAME = "trajectory_kitti.txt"
KITTI_FRAMES_NAME = frames_path(Path(KITTI_NAME)).name
EUROC_NAME = "trajectory_euroc.csv"
MAX_UNSETTLED = 1000  # poses that a camera may collect beside one keyframe, standing still for hours


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """A written pose that moves along with a keyframe which the map may still adjust."""

    pose: StampedPose  # as written
    keyframe_index: int
    T_keyframe_cam: Transform
    offsets: tuple[int, ...]  # of its row in each file

    def moved(self, T_world_keyframe: Transform) -> StampedPose:
        return replace(self.pose, T_world_cam=T_world_keyframe @ self.T_keyframe_cam)


class TrajectorySink:
    """Writes every known pose of the camera, ``T_world_cam``, once; frames without a pose have no row.

    The files are complete after every frame. The last rows are provisional: when the map adjusts the
    keyframe next to which a pose was estimated, the row is written anew. It is final once the keyframe
    has left the local window.

    Poses that a result places in hindsight (``backfilled``) come before the pose of the result itself,
    so that the files stay in time order. A ``# segment k`` comment in the TUM file precedes the first
    pose of each segment: its world, and for mono its scale, is not that of the segment before.
    """

    def __init__(self, folder: Path) -> None:
        self.num_poses = 0
        self._segment_id: int | None = None
        self._keyframes: dict[int, Transform] = {}  # T_world_keyframe by frame, oldest first
        self._unsettled: deque[_Unsettled] = deque(maxlen=MAX_UNSETTLED)
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
        """Append the poses of one result, and correct earlier ones where the map has moved.

        Raises:
            OutputError: the disk is full or the folder has gone; all files still end at the same pose.
        """
        if result.map is not None and result.segment_id == self._segment_id:
            self._correct(result.map)
        for pose in result.backfilled:
            self._append(pose, result.segment_id, result.map, first_keyframe=True)
        if result.T_world_cam is not None:
            pose = StampedPose(result.frame_index, result.timestamp_ns, result.T_world_cam)
            self._append(pose, result.segment_id, result.map)

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()

    def _correct(self, snapshot: MapSnapshot) -> None:
        """Write the rows anew whose keyframes have moved; those of keyframes that have left are final."""
        self._keyframes = _keyframes_of(snapshot)
        rows = self._unsettled
        while rows and rows[0].keyframe_index not in self._keyframes:
            rows.popleft()
        if not rows:
            return
        first = rows[0].offsets
        poses = [
            row.moved(self._keyframes[row.keyframe_index])
            if row.keyframe_index in self._keyframes
            else row.pose
            for row in rows
        ]
        texts = [_rows(pose) for pose in poses]
        for number, file in enumerate(self._files):
            file.replace_tail(first[number], b"".join(text[number] for text in texts))
        offsets = first
        for position, (pose, text) in enumerate(zip(poses, texts, strict=True)):
            rows[position] = replace(rows[position], pose=pose, offsets=offsets)
            offsets = tuple(offset + len(row) for offset, row in zip(offsets, text, strict=True))

    def _append(
        self, pose: StampedPose, segment_id: int, snapshot: MapSnapshot | None, first_keyframe: bool = False
    ) -> None:
        marks = [(file.size, file.num_records) for file in self._files]
        try:
            if segment_id != self._segment_id:
                self._tum.append(f"# segment {segment_id}\n".encode(), num_records=0)
            offsets = tuple(file.size for file in self._files)
            for file, row in zip(self._files, _rows(pose), strict=True):
                file.append(row)
        except OutputError:
            for file, (size, num_records) in zip(self._files, marks, strict=True):
                file.truncate(size, num_records)
            raise
        if segment_id != self._segment_id:
            self._segment_id = segment_id
            self._keyframes = {}
            self._unsettled.clear()
        if snapshot is not None:
            self._keyframes = _keyframes_of(snapshot)
        self.num_poses += 1
        if self._keyframes:
            indices = list(self._keyframes)
            index = indices[0] if first_keyframe else indices[-1]
            T_keyframe_cam = se3.inverse(self._keyframes[index]) @ pose.T_world_cam
            self._unsettled.append(_Unsettled(pose, index, T_keyframe_cam, offsets))


def _keyframes_of(snapshot: MapSnapshot) -> dict[int, Transform]:
    return dict(zip(snapshot.keyframe_indices.tolist(), snapshot.T_world_keyframes, strict=True))


def _rows(pose: StampedPose) -> tuple[bytes, ...]:
    """The row in each file, in the order of ``TrajectorySink._files``."""
    rows = (
        tum_row(pose.timestamp_ns, pose.T_world_cam),
        f"{pose.frame_index}\n",
        kitti_row(pose.T_world_cam),
        euroc_row(pose.timestamp_ns, pose.T_world_cam),
    )
    return tuple(row.encode() for row in rows)
