"""A clock that stands still until the test moves it."""

import threading
from collections.abc import Iterator

from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.sources.base import FrameSource
from vo_frontend.sources.realtime import RealtimeSource
from vo_frontend.types import Frame, Sensor

PATIENCE_S = 5.0  # for the thread that waits for the clock


class StepClock:
    """Moves from one time that somebody waits for to the next."""

    def __init__(self) -> None:
        self._now_ns = 0
        self._awaited_ns = 0  # only later times are waited for
        self._is_stopped = False
        self._changed = threading.Condition()

    def now_ns(self) -> int:
        return self._now_ns

    def wait_until(self, time_ns: int, given_up: threading.Event) -> None:
        with self._changed:
            self._awaited_ns = time_ns
            self._changed.notify_all()
            while self._now_ns < time_ns and not given_up.is_set():
                self._changed.wait(0.01)

    def stop(self) -> None:
        """Expect nobody to wait any more."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def settle(self) -> None:
        """Return as soon as somebody waits for a later time, or the clock is stopped."""
        with self._changed:
            is_awaited = self._changed.wait_for(
                lambda: self._awaited_ns > self._now_ns or self._is_stopped, PATIENCE_S
            )
            assert is_awaited, "nobody waits for the clock"

    def step(self) -> None:
        """Move to the time that is waited for."""
        self.settle()
        with self._changed:
            self._now_ns = self._awaited_ns
            self._changed.notify_all()


class PatientlyRead:
    """Another source played in real time, whose reader is never late: time passes only while it waits."""

    num_frames = None
    is_live = True

    def __init__(self, source: FrameSource) -> None:
        self._clock = StepClock()
        self._played = RealtimeSource(source, self._clock)
        self.name: str = source.name
        self.sensor: Sensor = source.sensor
        self.camera: PinholeCamera = source.camera
        self.baseline_m: float | None = source.baseline_m
        self.T_body_cam: Transform = source.T_body_cam

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._played:
            yield frame
            self._clock.step()

    def close(self) -> None:
        self._clock.stop()
        self._played.close()
