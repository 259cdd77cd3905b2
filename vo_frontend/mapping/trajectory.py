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
    FramesMoved,
    KeyframeAdded,
    KeyframeMerged,
    KeyframesMoved,
    KeyframesRescaled,
    MapEvent,
    SegmentJoined,
)
from vo_frontend.mapping.keyframe_poses import WORLD, KeyframePoses
from vo_frontend.mapping.spilling_table import SpillingTable
from vo_frontend.types import FrameResult, StampedPose, Trajectory

MAX_MEMORY_BYTES = 32 * 1024 * 1024  # 150 000 frames; beyond it, the table lies in a temporary file

_ROW = np.dtype(
    [
        ("frame_index", np.int64),
        ("timestamp_ns", np.int64),
        ("segment_id", np.int32),
        ("segment_id_online", np.int32),
        ("keyframe", np.int32),  # number of the keyframe that the pose hangs on
        ("T_keyframe_cam", np.float64, (3, 4)),
        ("T_world_cam_online", np.float64, (3, 4)),  # NaN where the pose was found in hindsight
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
    """Listens to results and holds every pose as it is known by now, and as it was told: 220 bytes per frame.

    A pose hangs on the newest keyframe that is not later than its frame. ``first_changed_row`` says from
    which row on the latest :meth:`update` may have moved poses, or has added some.
    """

    def __init__(self, max_memory_bytes: int = MAX_MEMORY_BYTES) -> None:
        self.first_changed_row = 0
        self._table = SpillingTable(_ROW, max_memory_bytes)
        self._size = 0
        self._keyframes = KeyframePoses()

    def __len__(self) -> int:
        return self._size

    @property
    def keyframe_indices(self) -> list[int]:
        """Return the frames of all keyframes that were not merged into others, in order."""
        return self._keyframes.frame_indices()

    def trajectory(self, first_row: int = 0, step: int = 1) -> EstimatedTrajectory:
        """Copy the poses from a row on, or every second (third, ...) of them."""
        return self._copy(self._rows[first_row::step])

    def at(self, frame_indices: Sequence[int]) -> EstimatedTrajectory:
        """Copy the poses of frames (N,) that have one, each once."""
        return self._copy(self._rows[np.isin(self._rows["frame_index"], frame_indices)])

    def online(self) -> EstimatedTrajectory:
        """Copy the poses as they were told at their own frames, each in its segment of then."""
        rows = self._rows[np.isfinite(self._rows["T_world_cam_online"][:, 0, 0])]
        return _estimated(rows, rows["segment_id_online"], _square(rows["T_world_cam_online"]))

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

    @property
    def _rows(self) -> NDArray[Any]:
        return self._table.rows[: self._size]

    def _copy(self, rows: NDArray[Any]) -> EstimatedTrajectory:
        T_world_keyframe = self._keyframes.T_world_keyframe(rows["keyframe"])
        return _estimated(rows, rows["segment_id"], T_world_keyframe @ _square(rows["T_keyframe_cam"]))

    def _apply(self, event: MapEvent) -> None:
        keyframes = self._keyframes
        if isinstance(event, KeyframeAdded):
            keyframes.add(event.frame_index, event.segment_id, event.T_world_cam, self._size)
        elif isinstance(event, KeyframesMoved):
            numbers = keyframes.numbers(event.frame_indices)
            keyframes.move(numbers, event.T_world_cam)
            self._note_change(keyframes.first_row(numbers))
        elif isinstance(event, FramesMoved):
            self._place(event)
        elif isinstance(event, KeyframesRescaled):
            self._rescale(keyframes.numbers(event.frame_indices), event.scales)
        elif isinstance(event, KeyframeMerged):
            self._merge(event)
        elif isinstance(event, SegmentJoined):
            self._join(event)

    def _place(self, event: FramesMoved) -> None:
        """Give frames (F,) other poses; they hang on the keyframes that they hung on."""
        before = self._keyframes.newest_before(int(event.frame_indices[0]), event.segment_id)
        first = self._keyframes.first_row([before])
        moved = first + np.flatnonzero(np.isin(self._rows["frame_index"][first:], event.frame_indices))
        T_world_keyframe = self._keyframes.T_world_keyframe(self._rows["keyframe"][moved])
        self._rows["T_keyframe_cam"][moved] = (se3.inverse(T_world_keyframe) @ event.T_world_cam)[:, :3]
        self._note_change(first)

    def _rescale(self, numbers: NDArray[np.int64], scales: NDArray[np.float64]) -> None:
        """Change the distances from keyframes (K,) by factors (K,)."""
        first = self._keyframes.first_row(numbers)
        rows = self._rows[first:]
        scale_of = np.ones(self._keyframes.num_rows)
        scale_of[numbers] = scales
        rows["T_keyframe_cam"][:, :, 3] *= scale_of[rows["keyframe"]][:, None]
        self._note_change(first)

    def _merge(self, event: KeyframeMerged) -> None:
        """Hang the poses of a keyframe on another one, where they are."""
        gone, heir = self._keyframes.numbers(np.array([event.frame_index, event.into_frame_index]))
        first = self._keyframes.first_row([gone])
        hanging = first + np.flatnonzero(self._rows["keyframe"][first:] == gone)
        T_heir_gone = self._keyframes.T_between(heir, gone)
        rows = self._rows
        rows["T_keyframe_cam"][hanging] = T_heir_gone[:3] @ _square(rows["T_keyframe_cam"][hanging])
        rows["keyframe"][hanging] = heir
        self._keyframes.merge(event.frame_index, event.into_frame_index)

    def _join(self, event: SegmentJoined) -> None:
        """Take a segment into the world of another: positions and distances to keyframes scale."""
        self._keyframes.join(event)
        rows = self._rows
        members = np.flatnonzero(rows["segment_id"] == event.segment_id)
        rows["segment_id"][members] = event.into_segment_id
        has_keyframe = rows["keyframe"][members] != WORLD
        hanging, free = members[has_keyframe], members[~has_keyframe]
        rows["T_keyframe_cam"][hanging, :, 3] *= event.similarity.scale
        T_world_cam = event.similarity.transform_poses(_square(rows["T_keyframe_cam"][free]))
        rows["T_keyframe_cam"][free] = T_world_cam[:, :3]
        self._note_change(int(members.min(initial=self._size)))

    def _append(self, pose: StampedPose, segment_id: int, *, is_online: bool) -> None:
        self._table.reserve(self._size + 1)
        number = self._keyframes.newest_before(pose.frame_index, segment_id)
        T_keyframe_cam = se3.inverse(self._keyframes.T_world_keyframe(number)) @ pose.T_world_cam
        online = pose.T_world_cam[:3] if is_online else np.full((3, 4), np.nan)
        stamp = pose.frame_index, pose.timestamp_ns, segment_id, segment_id
        self._table.rows[self._size] = (*stamp, number, T_keyframe_cam[:3], online)
        self._size += 1

    def _note_change(self, row: int) -> None:
        self.first_changed_row = min(self.first_changed_row, row)


def _square(T: NDArray[np.float64]) -> NDArray[np.float64]:
    """Complete transforms (N, 3, 4) to (N, 4, 4)."""
    whole = np.zeros((len(T), 4, 4))
    whole[:, :3], whole[:, 3, 3] = T, 1.0
    return whole


def _estimated(
    rows: NDArray[Any], segment_ids: NDArray[np.int32], T_world_cam: NDArray[np.float64]
) -> EstimatedTrajectory:
    stamps = rows["frame_index"].copy(), rows["timestamp_ns"].copy()
    return EstimatedTrajectory(*stamps, segment_ids.astype(np.int64), T_world_cam)
