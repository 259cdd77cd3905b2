"""A made-up stream of results for the files of a run."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np

from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import (
    KeyframeAdded,
    KeyframesMoved,
    LandmarksAdded,
    LandmarksRetired,
    MapEvent,
)
from vo_frontend.reports.sink import Sink
from vo_frontend.types import Frame, FrameResult, Reason, StampedPose, Status

STEP_NS = 33_333_333

AnySink = TypeVar("AnySink", bound=Sink)


def make_pose(index: int) -> Transform:
    return se3.exp(np.array([0.1 * index, 0, index, 0, 0.01 * index, 0]))


def make_frame(index: int) -> Frame:
    return Frame(index, index * STEP_NS, None)


def stamped(index: int) -> StampedPose:
    return StampedPose(index, index * STEP_NS, make_pose(index))


def tracked(index: int, segment_id: int = 0, backfilled: tuple[StampedPose, ...] = ()) -> FrameResult:
    return FrameResult(
        index,
        index * STEP_NS,
        Status.TRACKING,
        Reason.NONE,
        segment_id,
        make_pose(index),
        num_inliers=100 + index,
        backfilled=backfilled,
        stage_seconds={"features": 0.02, "pose": 0.01},
    )


def without_pose(index: int, status: Status, reason: Reason, segment_id: int = 0) -> FrameResult:
    result = tracked(index, segment_id)
    return replace(result, status=status, reason=reason, T_world_cam=None, num_inliers=0)


def a_run() -> list[FrameResult]:
    """Start with hindsight, loss, a bad image, and a second segment, again with hindsight."""
    waiting = Status.INITIALIZING, Reason.TOO_LITTLE_PARALLAX
    return [
        without_pose(100, *waiting),
        without_pose(101, *waiting),
        replace(tracked(102, backfilled=(stamped(100), stamped(101))), is_keyframe=True),
        tracked(103),
        without_pose(104, Status.LOST, Reason.BAD_IMAGE),
        without_pose(105, *waiting, segment_id=1),
        tracked(106, segment_id=1, backfilled=(stamped(105),)),
    ]


def feed(sink: AnySink, results: Iterable[FrameResult]) -> AnySink:
    for result in results:
        sink.consume(make_frame(result.frame_index), result)
    return sink


def with_keyframes(
    result: FrameResult, added: Iterable[int], moved_m: Mapping[int, float] | None = None
) -> FrameResult:
    """Add keyframes of these frames to the map, and say how far others have moved along x."""
    events: list[MapEvent] = [
        KeyframeAdded(result.segment_id, index, index * STEP_NS, make_pose(index)) for index in added
    ]
    if moved_m:
        T_world_cam = np.array([make_pose(index) for index in moved_m])
        T_world_cam[:, 0, 3] += list(moved_m.values())
        events.append(KeyframesMoved(result.segment_id, np.array(list(moved_m)), T_world_cam))
    return replace(result, events=tuple(events), is_keyframe=True)


def with_events(result: FrameResult, *events: MapEvent) -> FrameResult:
    """Say what the frame does to the map."""
    return replace(result, events=events)


def added(first_id: int, count: int, height: float, segment_id: int = 0) -> LandmarksAdded:
    """Add landmarks at x = y = z = height, all channels of the colour 10."""
    ids, points_world = first_id + np.arange(count), np.full((count, 3), height)
    return LandmarksAdded(segment_id, ids, points_world, np.full((count, 3), 10, np.uint8))


def retired(first_id: int, count: int, height: float, segment_id: int = 0) -> LandmarksRetired:
    """Retire landmarks at x = y = z = height, all channels of the colour 20."""
    ids, points_world = first_id + np.arange(count), np.full((count, 3), height)
    return LandmarksRetired(segment_id, ids, points_world, np.full((count, 3), 20, np.uint8))
