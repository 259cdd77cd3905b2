"""What happens to a map, as values: whoever wants to know the map listens to these, and changes nothing.

Arrays are shared with the map and never written to. A keyframe is named by the number of its frame, a
landmark by its id; both are unique within the run. Poses and points are in the world of the segment.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.alignment import Similarity
from vo_frontend.geometry.se3 import Transform


@dataclass(frozen=True, slots=True)
class SegmentBegun:
    """A map with a world of its own starts."""

    segment_id: int


@dataclass(frozen=True, slots=True)
class SegmentEnded:
    """The map is given up; everything that it still held has retired."""

    segment_id: int


@dataclass(frozen=True, slots=True)
class SegmentJoined:
    """Two segments turn out to share a world: all of the first belongs to the second from now on."""

    segment_id: int
    into_segment_id: int
    similarity: Similarity  # from the world of the first to that of the second


@dataclass(frozen=True, slots=True)
class KeyframeAdded:
    """A view joins the map."""

    segment_id: int
    frame_index: int
    timestamp_ns: int
    T_world_cam: Transform


@dataclass(frozen=True, slots=True)
class KeyframesMoved:
    """An adjustment or a correction gives keyframes other poses."""

    segment_id: int
    frame_indices: NDArray[np.int64]  # (K,)
    T_world_cam: NDArray[np.float64]  # (K, 4, 4)


@dataclass(frozen=True, slots=True)
class FramesMoved:
    """Frames that are no keyframes get other poses: the landmarks that they saw are known better now."""

    segment_id: int
    frame_indices: NDArray[np.int64]  # (F,) increasing
    T_world_cam: NDArray[np.float64]  # (F, 4, 4)


@dataclass(frozen=True, slots=True)
class KeyframesRescaled:
    """A correction finds that distances from keyframes were too short or too long: drift of the scale.

    Told before the keyframes move.
    """

    segment_id: int
    frame_indices: NDArray[np.int64]  # (K,)
    scales: NDArray[np.float64]  # (K,) factors of all distances from each keyframe


@dataclass(frozen=True, slots=True)
class KeyframeMerged:
    """A keyframe is given up for another of its segment, which speaks for it from now on."""

    segment_id: int
    frame_index: int
    into_frame_index: int


@dataclass(frozen=True, slots=True)
class LandmarksAdded:
    """Points join the map."""

    segment_id: int
    ids: NDArray[np.int64]  # (M,)
    points_world: NDArray[np.float64]  # (M, 3)
    colors: NDArray[np.uint8]  # (M, 3) RGB


@dataclass(frozen=True, slots=True)
class LandmarksMoved:
    """An adjustment or a correction gives landmarks other positions."""

    segment_id: int
    ids: NDArray[np.int64]  # (M,)
    points_world: NDArray[np.float64]  # (M, 3)


@dataclass(frozen=True, slots=True)
class LandmarksMerged:
    """Pairs of landmarks turn out to be the same point; the second of each pair is gone."""

    segment_id: int
    kept_ids: NDArray[np.int64]  # (M,)
    gone_ids: NDArray[np.int64]  # (M,)


@dataclass(frozen=True, slots=True)
class LandmarksRemoved:
    """Landmarks were wrong and are part of no output."""

    segment_id: int
    ids: NDArray[np.int64]  # (M,)


@dataclass(frozen=True, slots=True)
class LandmarksRetired:
    """Landmarks that no keyframe of the window sees any more leave the local map, at their last position."""

    segment_id: int
    ids: NDArray[np.int64]  # (M,)
    points_world: NDArray[np.float64]  # (M, 3)
    colors: NDArray[np.uint8]  # (M, 3) RGB


@dataclass(frozen=True, slots=True)
class LandmarksRecalled:
    """Landmarks that had retired are part of the local map again."""

    segment_id: int
    ids: NDArray[np.int64]  # (M,)


@dataclass(frozen=True, slots=True)
class LoopClosed:
    """The camera was back where it had been, and what has drifted since is corrected.

    Told after the events that move keyframes and landmarks.
    """

    segment_id: int
    old_index: int  # frame of the keyframe that saw the place first
    new_index: int  # of the newest keyframe
    num_inliers: int  # landmarks that both see
    T_before: Transform  # (4, 4) T_world_cam of the newest keyframe before the correction
    T_after: Transform  # (4, 4) and after it


MapEvent: TypeAlias = (
    SegmentBegun
    | SegmentEnded
    | SegmentJoined
    | KeyframeAdded
    | KeyframesMoved
    | FramesMoved
    | KeyframesRescaled
    | KeyframeMerged
    | LandmarksAdded
    | LandmarksMoved
    | LandmarksMerged
    | LandmarksRemoved
    | LandmarksRetired
    | LandmarksRecalled
    | LoopClosed
)
