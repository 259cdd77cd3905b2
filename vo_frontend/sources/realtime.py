"""A recording played at its own pace: as from a live camera, whoever is late misses frames."""

import logging
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from operator import sub
from typing import Protocol

from vo_frontend.sources.base import FrameSource
from vo_frontend.sources.recorded import RecordedSource
from vo_frontend.sources.wrapper import SourceWrapper
from vo_frontend.types import Capture, Frame

log = logging.getLogger(__name__)

MAX_PAUSE_NS = 10_000_000_000  # between two frames; longer ones, and stamps that jump, are cut to it
MAX_LAG_NS = 1_000_000_000  # of decoding behind the pace, before that is warned of
CLOSING_S = 0.5  # for a frame that is being decoded, when the source is closed


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now_ns(self) -> int:
        """Return Unix time, which never steps back."""
        ...

    def wait_until(self, time_ns: int, given_up: threading.Event) -> None:
        """Return at that time, or as soon as ``given_up`` is set."""
        ...


class SystemClock:
    """Unix time once, then the monotonic clock: nobody who sets the system's clock disturbs it."""

    def __init__(self) -> None:
        self._unix_offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """Return Unix time."""
        return self._unix_offset_ns + time.monotonic_ns()

    def wait_until(self, time_ns: int, given_up: threading.Event) -> None:
        """Return at that time, or as soon as ``given_up`` is set."""
        if (rest_ns := time_ns - self.now_ns()) > 0:
            given_up.wait(rest_ns * 1e-9)


class RealtimeSource(SourceWrapper):
    """Another source, whose frames come when they were taken; of those that are due only the newest is kept.

    The first frame is due when it is there, each other one as long after the one before as their stamps say.
    A thread decodes one frame ahead, dropped ones too, as from a camera; image files that have been overtaken
    before they are decoded are left out. Stamps stay those of the recording; ``Frame.capture`` says when a
    frame was due, and how many before it were dropped. The last one is never dropped.
    """

    num_frames = None
    is_live = True

    def __init__(self, source: FrameSource, clock: Clock | None = None) -> None:
        """Take over a recorded source; ``clock`` replaces that of the system."""
        super().__init__(source)
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._has_ended = False
        self._error: BaseException | None = None
        self._closed = threading.Event()
        self._is_behind = False
        self._player = threading.Thread(target=self._play, name="realtime", daemon=True)

    def __iter__(self) -> Iterator[Frame]:
        self._player.start()
        while (frame := self._take()) is not None:
            yield frame

    def close(self) -> None:
        """End a running iteration, wake up whoever waits, and close the source behind."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        self._source.close()
        if self._player.is_alive():
            self._player.join(CLOSING_S)

    def _take(self) -> Frame | None:
        """Wait for a frame that nobody took yet; None at the end.

        Raises:
            VoError: of the source behind, after the frames before it.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest is not None or self._has_ended or self._closed.is_set()
            )
            frame, self._newest = self._newest, None
            if self._closed.is_set():
                return None
            if frame is None and self._error is not None:
                raise self._error
            return frame

    def _play(self) -> None:
        try:
            of_files = isinstance(self._source, RecordedSource)
            for frame, due_ns, num_skipped in self._newest_files() if of_files else self._every_frame():
                self._warn_if_behind(self._clock.now_ns() - due_ns)
                self._clock.wait_until(due_ns, self._closed)
                if self._closed.is_set():
                    return
                self._offer(frame, due_ns, num_skipped)
        except BaseException as error:  # handed over and raised by whoever takes, never swallowed
            self._error = error
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _every_frame(self) -> Iterator[tuple[Frame, int, int]]:
        """Read all frames behind, with the times at which they are due."""
        due_ns, last_ns = 0, None
        for frame in self._source:
            due_ns = self._clock.now_ns() if last_ns is None else due_ns + _step(frame.timestamp_ns - last_ns)
            last_ns = frame.timestamp_ns
            yield frame, due_ns, 0

    def _newest_files(self) -> Iterator[tuple[Frame, int, int]]:
        """Read files likewise, but leave out, and count, those that a later one has overtaken already."""
        assert isinstance(self._source, RecordedSource)
        stamps_ns = self._source.timestamps_ns.tolist()
        frame = self._source.frame(0)
        dues_ns = list(
            accumulate(map(_step, map(sub, stamps_ns[1:], stamps_ns)), initial=self._clock.now_ns())
        )
        position = num_skipped = 0
        while True:
            yield frame, dues_ns[position], num_skipped
            first = position + 1
            if first == len(stamps_ns):
                return
            num_due = bisect_right(dues_ns, self._clock.now_ns())
            position = max(first, num_due - 1)
            num_skipped = position - first
            frame = self._source.frame(position)

    def _warn_if_behind(self, lag_ns: int) -> None:
        if lag_ns > MAX_LAG_NS and not self._is_behind:
            self._is_behind = True
            log.warning(
                "%s: frames are decoded %.1f s later than they were taken (said once), which latencies "
                "include; is the disk too slow, or the processor?",
                self.name,
                lag_ns * 1e-9,
            )

    def _offer(self, frame: Frame, due_ns: int, num_skipped: int) -> None:
        with self._changed:
            missed = self._newest
            num_dropped = 0 if missed is None or missed.capture is None else missed.capture.num_dropped + 1
            self._newest = replace(frame, capture=Capture(due_ns, num_dropped + num_skipped))
            self._changed.notify_all()


def _step(step_ns: int) -> int:
    """Cut the time between two frames, which stamps that jump make absurd."""
    return min(max(step_ns, 0), MAX_PAUSE_NS)
