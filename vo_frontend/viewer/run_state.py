"""What a view says about the run in words and figures."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from vo_frontend.map_events import LandmarksRecalled, LoopClosed, SegmentBegun, SegmentJoined
from vo_frontend.types import Frame, FrameResult, Reason, Status

AVERAGED_FRAMES = 30  # for the shown rate and latency
STALE = (Reason.REPEATED_FRAME, Reason.OUT_OF_ORDER, Reason.BAD_IMAGE)  # no view that could have been placed


@dataclass(frozen=True, slots=True)
class Note:
    """Tells of something that happened once."""

    frame_index: int
    text: str


@dataclass(frozen=True, slots=True)
class RunState:
    """Holds the state of the run after one frame."""

    frame_index: int = 0
    timestamp_ns: int = 0
    status: Status = Status.INITIALIZING
    reason: Reason = Reason.FIRST_VIEW  # NONE for a repeated frame that has the pose of its original
    num_matches: int = 0
    num_inliers: int = 0
    frames_per_second: float = math.nan  # NaN where unknown
    latency_s: float = math.nan  # median from a frame to its pose; from its capture for a live source
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    note: Note | None = None  # the latest


class RunMonitor:
    """Follows results and says how the run is doing.

    Args:
        clock: in s, of no particular origin.
        now_ns: Unix time in ns.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.perf_counter,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._clock, self._now_ns = clock, now_ns
        self._arrivals_s: deque[float] = deque(maxlen=AVERAGED_FRAMES)
        self._latencies_s: deque[float] = deque(maxlen=AVERAGED_FRAMES)
        self._lost_since: int | None = None  # number of the frame, while tracking is lost
        self._num_frames = 0
        self.state = RunState()

    def update(self, frame: Frame, result: FrameResult) -> None:
        """Take the result of the next frame."""
        self._arrivals_s.append(self._clock())
        self._latencies_s.append(self._latency_s(frame, result))
        self._num_frames += 1
        note = self._note(result)
        self.state = RunState(
            frame_index=result.frame_index,
            timestamp_ns=result.timestamp_ns,
            status=result.status,
            reason=Reason.NONE if result.status is Status.TRACKING else result.reason,
            num_matches=result.num_matches,
            num_inliers=result.num_inliers,
            frames_per_second=self._frames_per_second(),
            latency_s=float(np.median(self._latencies_s)),
            stage_seconds=result.stage_seconds,
            note=self.state.note if note is None else Note(result.frame_index, note),
        )

    def _latency_s(self, frame: Frame, result: FrameResult) -> float:
        if frame.capture is not None:
            return (self._now_ns() - frame.capture.captured_ns) * 1e-9
        return sum(seconds for stage, seconds in result.stage_seconds.items() if stage != "read")

    def _frames_per_second(self) -> float:
        elapsed_s = self._arrivals_s[-1] - self._arrivals_s[0]
        return (len(self._arrivals_s) - 1) / elapsed_s if elapsed_s > 0 else math.nan

    def _note(self, result: FrameResult) -> str | None:
        """Say what is new with this frame, the most important thing of several; None for nothing."""
        num_lost = self._count_lost(result)
        for event in result.events:
            if isinstance(event, LoopClosed):
                return f"loop closed: frame {event.old_index} seen again, {event.num_inliers} landmarks agree"
            if isinstance(event, SegmentJoined):
                return f"segment {event.segment_id + 1} joined to segment {event.into_segment_id + 1}"
        if num_lost:
            return f"relocalised after {num_lost} lost frames"
        for event in result.events:
            if isinstance(event, SegmentBegun) and event.segment_id > 0:
                return f"segment {event.segment_id + 1} begins"
            if isinstance(event, LandmarksRecalled):
                return f"known place: {len(event.ids)} landmarks recalled"
        return None

    def _count_lost(self, result: FrameResult) -> int:
        """Return after how many lost frames this one is found again, else 0."""
        if result.status is Status.LOST and result.reason not in STALE and self._lost_since is None:
            self._lost_since = self._num_frames
        elif result.status is not Status.LOST and self._lost_since is not None:
            num_lost, self._lost_since = self._num_frames - self._lost_since, None
            return num_lost if result.status is Status.TRACKING else 0
        return 0
