"""The estimated trajectory: every pose hangs on a keyframe, and follows when the map moves it.

:class:`TrajectoryRecord` listens to results and keeps what is known by now; files are exports of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.trajectory_writer import format_named, write_poses
from vo_frontend.geometry import se3
from vo_frontend.map_events import (
    KeyframeAdded,
    KeyframeMerged,
    KeyframesMoved,
    KeyframesRescaled,
    MapEvent,
    SegmentJoined,
)
from vo_frontend.types import FrameResult, StampedPose, Trajectory

FIRST_CAPACITY = 256  # rows; doubled when they are full
NO_KEYFRAME = -1

_ROW = np.dtype(
    [
        ("frame_index", np.int64),
        ("timestamp_ns", np.int64),
        ("segment_id", np.int64),
        ("keyframe", np.int64),  # number of the keyframe that the pose hangs on
        ("T_world_cam", np.float64, (4, 4)),
        ("T_keyframe_cam", np.float64, (4, 4)),
        ("segment_id_online", np.int64),
        ("T_world_cam_online", np.float64, (4, 4)),  # NaN where the pose was found in hindsight
    ]
)


@dataclass(frozen=True, slots=True)
class EstimatedTrajectory:
    """Holds the poses of the camera in time order, frames without a pose left out.

    Each segment has a world of its own: the camera of its first keyframe, and for mono a scale of its own.
    """

    frame_indices: NDArray[np.int64]  # (N,) strictly increasing
    timestamps_ns: NDArray[np.int64]  # (N,) strictly increasing
    segment_ids: NDArray[np.int64]  # (N,)
    T_world_cam: NDArray[np.float64]  # (N, 4, 4)

    def __len__(self) -> int:
        return len(self.frame_indices)

    def segments(self) -> dict[int, Trajectory]:
        """Split into one trajectory per segment, by segment id, in the order in which they begin."""
        found = {}
        for segment_id in dict.fromkeys(self.segment_ids.tolist()):
            mask = self.segment_ids == segment_id
            found[segment_id] = Trajectory(self.timestamps_ns[mask], self.T_world_cam[mask])
        return found

    def scaled(self, scale_of_segment: Mapping[int, float]) -> "EstimatedTrajectory":
        """Multiply the positions of each segment by its factor; segments without one stay as they are."""
        factors = np.array([scale_of_segment.get(each, 1.0) for each in self.segment_ids.tolist()])
        T_world_cam = self.T_world_cam.copy()
        T_world_cam[:, :3, 3] *= factors[:, None]
        return replace(self, T_world_cam=T_world_cam)

    def save(self, format: str, path: str | Path) -> None:
        """Write a file that other tools read.

        Args:
            format: "tum", "kitti" (frame numbers go to ``<stem>_frames.txt`` beside it) or "euroc".
            path: of the file; an older one is replaced as a whole.

        Raises:
            TrajectoryError: no such format.
            OutputError: the file cannot be written; an older one stays as it was.
        """
        write_poses(
            Path(path),
            format_named(format),
            self.frame_indices,
            self.timestamps_ns,
            self.segment_ids,
            self.T_world_cam,
        )


class TrajectoryRecord:
    """Listens to results and holds every pose as it is known by now, and as it was told: 424 bytes per frame.

    A pose hangs on the newest keyframe that is not later than its frame. ``first_changed_row`` says from
    which row on the latest :meth:`update` has added or moved poses.
    """

    def __init__(self) -> None:
        self.first_changed_row = 0
        self._rows = np.empty(FIRST_CAPACITY, _ROW)
        self._size = 0
        # Keyframes are numbered as they come.
        self._number_of_keyframe: dict[int, int] = {}  # by frame index
        self._keyframe_indices: list[int] = []  # frame index
        self._segment_of_keyframe: list[int] = []
        self._T_world_keyframe = np.empty((FIRST_CAPACITY, 4, 4))
        self._first_row: list[int] = []  # no row before it hangs on the keyframe

    def __len__(self) -> int:
        return self._size

    @property
    def keyframe_indices(self) -> list[int]:
        """Return the frames of all keyframes, in order."""
        return self._keyframe_indices

    def trajectory(self, first_row: int = 0, step: int = 1) -> EstimatedTrajectory:
        """Copy the poses from a row on, or every second (third, ...) of them."""
        return _copy(self._rows[first_row : self._size : step])

    def at(self, frame_indices: Sequence[int]) -> EstimatedTrajectory:
        """Copy the poses of frames (N,) that have one, each once."""
        known = self._rows["frame_index"][: self._size]
        return _copy(self._rows[: self._size][np.isin(known, frame_indices)])

    def online(self) -> EstimatedTrajectory:
        """Copy the poses as they were told at their own frames, each in its segment of then."""
        rows = self._rows[: self._size]
        rows = rows[np.isfinite(rows["T_world_cam_online"][:, 0, 0])]
        return _copy(rows, "_online")

    def update(self, result: FrameResult) -> None:
        """Take the result of the next frame: move what the map has moved, then add its poses."""
        self.hear(result.events)
        for pose in result.backfilled:
            self._append(pose, result.segment_id, is_online=False)
        if result.T_world_cam is not None:
            pose = StampedPose(result.frame_index, result.timestamp_ns, result.T_world_cam)
            self._append(pose, result.segment_id, is_online=True)

    def hear(self, events: Iterable[MapEvent]) -> None:
        """Move what the map has moved."""
        self.first_changed_row = self._size
        for event in events:
            self._apply(event)

    def _apply(self, event: MapEvent) -> None:
        if isinstance(event, KeyframeAdded):
            self._add_keyframe(event)
        elif isinstance(event, KeyframesMoved):
            numbers = [self._number_of_keyframe[index] for index in event.frame_indices.tolist()]
            self._T_world_keyframe[numbers] = event.T_world_cam
            self._follow(numbers)
        elif isinstance(event, KeyframesRescaled):
            self._rescale(event)
        elif isinstance(event, KeyframeMerged):
            self._merge(event)
        elif isinstance(event, SegmentJoined):
            self._join(event)

    def _add_keyframe(self, event: KeyframeAdded) -> None:
        number = len(self._keyframe_indices)
        self._T_world_keyframe = _with_room(self._T_world_keyframe, number)
        self._T_world_keyframe[number] = event.T_world_cam
        self._number_of_keyframe[event.frame_index] = number
        self._keyframe_indices.append(event.frame_index)
        self._segment_of_keyframe.append(event.segment_id)
        self._first_row.append(self._size)

    def _follow(self, numbers: list[int]) -> None:
        """Move the poses that hang on keyframes."""
        hanging = self._hanging_on(numbers)
        if not len(hanging):
            return
        T_world_keyframe = self._T_world_keyframe[self._rows["keyframe"][hanging]]
        self._rows["T_world_cam"][hanging] = T_world_keyframe @ self._rows["T_keyframe_cam"][hanging]
        self._note_change(int(hanging[0]))

    def _rescale(self, event: KeyframesRescaled) -> None:
        """Change the distances from keyframes; the poses follow when the keyframes move."""
        scale_of = np.ones(len(self._keyframe_indices))
        numbers = [self._number_of_keyframe[index] for index in event.frame_indices.tolist()]
        scale_of[numbers] = event.scales
        hanging = self._hanging_on(numbers)
        factors = scale_of[self._rows["keyframe"][hanging]]
        self._rows["T_keyframe_cam"][hanging, :3, 3] *= factors[:, None]

    def _hanging_on(self, numbers: list[int]) -> NDArray[np.int64]:
        """Find the rows (N,) of the poses that hang on keyframes."""
        first = min((self._first_row[number] for number in numbers), default=self._size)
        return first + np.flatnonzero(np.isin(self._rows["keyframe"][first : self._size], numbers))

    def _merge(self, event: KeyframeMerged) -> None:
        """Hang the poses of a keyframe on another one, where they are."""
        gone = self._number_of_keyframe[event.frame_index]
        heir = self._number_of_keyframe[event.into_frame_index]
        self._segment_of_keyframe[gone] = NO_KEYFRAME  # no later pose hangs on it
        rows = self._rows[: self._size]
        first = self._first_row[gone]
        hanging = first + np.flatnonzero(rows["keyframe"][first:] == gone)
        T_heir_world = se3.inverse(self._T_world_keyframe[heir])
        rows["T_keyframe_cam"][hanging] = T_heir_world @ rows["T_world_cam"][hanging]
        rows["keyframe"][hanging] = heir
        self._first_row[heir] = min(self._first_row[heir], *hanging.tolist(), self._size)

    def _join(self, event: SegmentJoined) -> None:
        """Take a segment into the world of another: positions and distances to keyframes scale."""
        numbers = [n for n, each in enumerate(self._segment_of_keyframe) if each == event.segment_id]
        T_world_keyframe = self._T_world_keyframe[numbers]
        self._T_world_keyframe[numbers] = event.similarity.transform_poses(T_world_keyframe)
        for number in numbers:
            self._segment_of_keyframe[number] = event.into_segment_id
        rows = self._rows[: self._size]
        members = np.flatnonzero(rows["segment_id"] == event.segment_id)
        if not len(members):
            return
        T_keyframe_cam = rows["T_keyframe_cam"][members]
        T_keyframe_cam[:, :3, 3] *= event.similarity.scale
        rows["T_keyframe_cam"][members] = T_keyframe_cam
        rows["T_world_cam"][members] = event.similarity.transform_poses(rows["T_world_cam"][members])
        rows["segment_id"][members] = event.into_segment_id
        self._note_change(int(members[0]))

    def _append(self, pose: StampedPose, segment_id: int, *, is_online: bool) -> None:
        self._rows = _with_room(self._rows, self._size)
        number = self._keyframe_before(pose.frame_index, segment_id)
        T_keyframe_cam = pose.T_world_cam
        if number != NO_KEYFRAME:
            T_keyframe_cam = se3.inverse(self._T_world_keyframe[number]) @ pose.T_world_cam
        stamp = pose.frame_index, pose.timestamp_ns, segment_id
        online = segment_id, pose.T_world_cam if is_online else np.full((4, 4), np.nan)
        self._rows[self._size] = (*stamp, number, pose.T_world_cam, T_keyframe_cam, *online)
        self._size += 1

    def _keyframe_before(self, frame_index: int, segment_id: int) -> int:
        """Find the newest keyframe of a segment that is not later than a frame, by number; else its first."""
        indices, segment_ids = self._keyframe_indices, self._segment_of_keyframe
        members = (n for n in reversed(range(len(indices))) if segment_ids[n] == segment_id)
        number = NO_KEYFRAME
        for number in members:
            if indices[number] <= frame_index:
                break
        return number

    def _note_change(self, row: int) -> None:
        self.first_changed_row = min(self.first_changed_row, row)


def _with_room(rows: NDArray[Any], index: int) -> NDArray[Any]:
    """Return rows with one for ``index``, the next: themselves, or a copy in an array of twice the length.

    What is not written to takes no memory yet.
    """
    if index < len(rows):
        return rows
    longer = np.empty((2 * len(rows), *rows.shape[1:]), rows.dtype)
    longer[: len(rows)] = rows
    return longer


def _copy(rows: NDArray[Any], version: str = "") -> EstimatedTrajectory:
    return EstimatedTrajectory(
        rows["frame_index"].copy(),
        rows["timestamp_ns"].copy(),
        rows["segment_id" + version].copy(),
        rows["T_world_cam" + version].copy(),
    )
