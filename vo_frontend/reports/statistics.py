"""Counts and times of a run, in bounded memory however long it lasts."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vo_frontend.map_events import LandmarksRecalled, LoopClosed, SegmentJoined
from vo_frontend.types import Capture, Frame, FrameResult, Reason, Status

WINDOW_FRAMES = 10_000  # percentiles and medians are over the latest so many
MAX_SEGMENTS = 1000  # later ones are counted but not listed


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Holds the median and the 95th percentile of times, ms."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Punctuality:
    """Tells how a run kept up with a live source: how late its poses were, and what it missed."""

    num_dropped: int  # frames that nobody took in time
    latency_ms: Percentiles | None  # from capture to pose, waiting included; None without a pose
    max_latency_ms: float | None


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """Summarises a stretch of poses in one world."""

    segment_id: int
    first_frame: int
    last_frame: int
    num_poses: int


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """Tells a run in numbers. Inliers and times are of the latest frames only."""

    num_frames: int
    num_poses: int  # known poses, those found in hindsight included
    num_keyframes: int
    num_single_images: int  # frames with an image, but neither a right image nor depth
    num_segments: int  # joined ones are one
    num_loops: int  # closed, and the drift since corrected
    num_recalls: int  # times that keyframes which had left the local map came back to it
    num_joins: int  # of segments
    num_repeated: int  # frames that have the pose of the frame that they repeat; of no status
    num_by_status: Mapping[Status, int]
    num_by_reason: Mapping[Reason, int]  # of frames that have one
    median_inliers: float | None  # of tracked frames
    frame_ms: Percentiles | None  # sum of the stages of a frame
    stage_ms: Mapping[str, Percentiles]  # in execution order
    wall_time_s: float  # from the first result to the last
    frames_per_second: float | None
    punctuality: Punctuality | None  # None where frames were there when they were asked for
    segments: tuple[SegmentSummary, ...]


class StatisticsSink:
    """Counts results as they come; :meth:`summary` can be asked at any time, also after ``close``."""

    def __init__(
        self,
        *,
        window_frames: int = WINDOW_FRAMES,
        clock: Callable[[], float] = time.perf_counter,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Take a clock (s, of any origin) for speed, and Unix time for the age of live frames."""
        self._clock, self._now_ns = clock, now_ns
        self._window_frames = window_frames
        self._first_s = self._last_s = 0.0
        self._num_frames = self._num_poses = self._num_keyframes = self._num_segments = 0
        self._num_single_images = self._num_repeated = 0
        self._by_event: Counter[type] = Counter()
        self._num_dropped: int | None = None  # of a live source
        self._latency_s: deque[float] = deque(maxlen=window_frames)
        self._max_latency_s = 0.0
        self._by_status: Counter[Status] = Counter()
        self._by_reason: Counter[Reason] = Counter()
        self._inliers: deque[int] = deque(maxlen=window_frames)
        self._frame_s: deque[float] = deque(maxlen=window_frames)
        self._stage_s: dict[str, deque[float]] = {}
        self._segments: dict[int, SegmentSummary] = {}  # in the order in which they began
        self._newest_segment_id: int | None = None

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Count the result of one frame."""
        self._last_s = self._clock()
        if self._num_frames == 0:
            self._first_s = self._last_s
        self._num_frames += 1
        if frame.capture is not None:
            self._note_capture(frame.capture, has_pose=result.T_world_cam is not None)
        self._num_keyframes += result.is_keyframe
        self._by_event.update(type(event) for event in result.events)
        for event in result.events:
            if isinstance(event, SegmentJoined):
                self._join(event)
        if frame.image is not None and frame.image_right is None and frame.depth_m is None:
            self._num_single_images += 1
        is_copy = result.reason is Reason.REPEATED_FRAME and result.status is Status.TRACKING
        self._num_repeated += is_copy
        self._by_status[result.status] += not is_copy
        if result.reason is not Reason.NONE:
            self._by_reason[result.reason] += 1
        if result.status is Status.TRACKING and not is_copy:
            self._inliers.append(result.num_inliers)
        if result.stage_seconds:
            self._frame_s.append(sum(result.stage_seconds.values()))
        for stage, seconds in result.stage_seconds.items():
            self._stage_s.setdefault(stage, deque(maxlen=self._window_frames)).append(seconds)
        posed = [pose.frame_index for pose in result.backfilled]
        if result.T_world_cam is not None:
            posed.append(result.frame_index)
        if posed:
            self._count_poses(result.segment_id, posed)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def summary(self) -> RunStatistics:
        """Summarise the run so far."""
        wall_time_s = self._last_s - self._first_s
        return RunStatistics(
            num_frames=self._num_frames,
            num_poses=self._num_poses,
            num_keyframes=self._num_keyframes,
            num_single_images=self._num_single_images,
            num_segments=self._num_segments,
            num_loops=self._by_event[LoopClosed],
            num_recalls=self._by_event[LandmarksRecalled],
            num_joins=self._by_event[SegmentJoined],
            num_repeated=self._num_repeated,
            num_by_status={status: self._by_status[status] for status in Status},
            num_by_reason=dict(self._by_reason),
            median_inliers=float(np.median(self._inliers)) if self._inliers else None,
            frame_ms=_percentiles_ms(self._frame_s),
            stage_ms={
                stage: percentiles
                for stage, seconds in self._stage_s.items()
                if (percentiles := _percentiles_ms(seconds))
            },
            wall_time_s=wall_time_s,
            frames_per_second=(self._num_frames - 1) / wall_time_s if wall_time_s > 0 else None,
            punctuality=self._punctuality(),
            segments=tuple(self._segments.values()),
        )

    def _note_capture(self, capture: Capture, *, has_pose: bool) -> None:
        self._num_dropped = (self._num_dropped or 0) + capture.num_dropped
        if has_pose:
            latency_s = (self._now_ns() - capture.captured_ns) * 1e-9
            self._latency_s.append(latency_s)
            self._max_latency_s = max(self._max_latency_s, latency_s)

    def _punctuality(self) -> Punctuality | None:
        if self._num_dropped is None:
            return None
        max_ms = 1e3 * self._max_latency_s if self._latency_s else None
        return Punctuality(self._num_dropped, _percentiles_ms(self._latency_s), max_ms)

    def _count_poses(self, segment_id: int, frames: list[int]) -> None:
        self._num_poses += len(frames)
        if self._newest_segment_id is None or segment_id > self._newest_segment_id:
            self._newest_segment_id = segment_id
            self._num_segments += 1
            if len(self._segments) < MAX_SEGMENTS:
                self._segments[segment_id] = SegmentSummary(segment_id, frames[0], frames[0], 0)
        if (segment := self._segments.get(segment_id)) is not None:
            grown = replace(segment, last_frame=frames[-1], num_poses=segment.num_poses + len(frames))
            self._segments[segment_id] = grown

    def _join(self, event: SegmentJoined) -> None:
        if self._newest_segment_id is None or event.segment_id > self._newest_segment_id:
            return  # it is joined before it has a pose
        self._num_segments -= 1
        gone, heir = self._segments.pop(event.segment_id, None), self._segments.get(event.into_segment_id)
        if gone is not None and heir is not None:
            self._segments[heir.segment_id] = replace(
                heir,
                first_frame=min(gone.first_frame, heir.first_frame),
                last_frame=max(gone.last_frame, heir.last_frame),
                num_poses=gone.num_poses + heir.num_poses,
            )


def _percentiles_ms(seconds: Iterable[float]) -> Percentiles | None:
    values_ms = 1e3 * np.fromiter(seconds, dtype=np.float64)
    if not len(values_ms):
        return None
    p50, p95 = np.percentile(values_ms, [50, 95])
    return Percentiles(float(p50), float(p95))
