"""A recording played at its own pace, by a clock that the test moves."""

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from known import known
from pattern_world import NUM_FRAMES
from step_clock import StepClock
from tiny_sources import FILE_SOURCES

from vo_frontend.errors import SourceError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.simulation.faults import Freeze, When
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.sources.realtime import MAX_PAUSE_NS, RealtimeSource, SystemClock
from vo_frontend.sources.recorded import FrameFiles, RecordedSource
from vo_frontend.types import Capture, Frame, Sensor

MS = 1_000_000


class Recording:
    """Frames without images at given times, which may fail at the end, or stall there until closed."""

    name, sensor, baseline_m, is_live, T_body_cam = "drive", Sensor.MONO, None, False, np.eye(4)
    camera = PinholeCamera(100.0, 100.0, 32.0, 32.0, 64, 64)

    def __init__(
        self, stamps_ms: Sequence[int], error: Exception | None = None, *, stalls: bool = False
    ) -> None:
        self.stamps_ms, self.error, self.stalls = stamps_ms, error, stalls
        self.num_frames = len(stamps_ms)
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        for index, stamp_ms in enumerate(self.stamps_ms):
            yield Frame(index, 10**18 + stamp_ms * MS, None)
        if self.error is not None:
            raise self.error
        if self.stalls:
            self.closed.wait()

    def close(self) -> None:
        self.closed.set()


def play(recording: Recording) -> tuple[Iterator[Frame], RealtimeSource, StepClock]:
    clock = StepClock()
    source = RealtimeSource(recording, clock)
    return iter(source), source, clock


def test_a_frame_comes_as_long_after_the_first_as_its_stamp_says() -> None:
    frames, _, clock = play(Recording([0, 100, 130, 400]))
    captures = [known(next(frames).capture)]
    for _ in range(3):
        clock.step()
        captures.append(known(next(frames).capture))
    assert captures == [Capture(ms * MS) for ms in (0, 100, 130, 400)]
    assert next(frames, None) is None


def test_stamps_and_numbers_are_those_of_the_recording() -> None:
    frames, _, clock = play(Recording([0, 100]))
    first = next(frames)
    clock.step()
    second = next(frames)
    assert [first.index, second.index] == [0, 1]
    assert [first.timestamp_ns, second.timestamp_ns] == [10**18, 10**18 + 100 * MS]


def test_who_is_late_gets_the_newest_frame_and_how_many_were_dropped() -> None:
    frames, _, clock = play(Recording([0, 100, 200, 300, 400, 500]))
    next(frames)
    for _ in range(3):
        clock.step()
    clock.settle()  # frame 3 is there when frame 4 is awaited
    late = next(frames)
    assert (late.index, late.capture) == (3, Capture(300 * MS, num_dropped=2))
    clock.step()
    assert next(frames).capture == Capture(400 * MS, num_dropped=0)


def test_the_last_frame_is_not_dropped() -> None:
    frames, source, clock = play(Recording([0, 100, 200], stalls=True))
    next(frames)
    clock.step()
    clock.step()
    last = next(frames)
    if last.index == 1:  # taken before frame 2 had come
        last = next(frames)
    assert last.index == 2
    source.close()
    assert next(frames, None) is None


@pytest.mark.parametrize("jump_ms", [3_600_000, 10**11])
def test_a_long_pause_and_stamps_that_jump_ahead_are_cut(jump_ms: int) -> None:
    frames, _, clock = play(Recording([0, jump_ms, jump_ms + 50]))
    next(frames)
    clock.step()
    assert known(next(frames).capture).captured_ns == MAX_PAUSE_NS
    clock.step()
    assert known(next(frames).capture).captured_ns == MAX_PAUSE_NS + 50 * MS


def test_stamps_that_step_back_cost_no_frame_but_the_one_that_waits_for_nothing() -> None:
    frames, _, clock = play(Recording([5000, 5100, 0, 100, 200]))
    next(frames)
    clock.step()
    clock.settle()  # the frame that steps back is due at once, and frame 3 is awaited
    assert next(frames).index == 2
    clock.step()
    assert known(next(frames).capture) == Capture(200 * MS)


def test_an_error_of_the_recording_is_raised_after_its_frames() -> None:
    frames, _, clock = play(Recording([0, 100], SourceError("disk gone")))
    next(frames)
    clock.step()
    assert next(frames).index == 1
    with pytest.raises(SourceError, match="disk gone"):
        next(frames)


def test_closing_wakes_who_waits_for_a_frame_that_is_not_due() -> None:
    frames, source, clock = play(Recording([0, 100]))
    next(frames)
    clock.settle()
    closer = threading.Timer(0.05, source.close)
    closer.start()
    assert next(frames, None) is None
    closer.join()


def test_closing_wakes_who_waits_for_a_recording_that_stalls() -> None:
    frames, source, _ = play(Recording([0], stalls=True))
    next(frames)
    closer = threading.Timer(0.05, source.close)
    closer.start()
    assert next(frames, None) is None
    closer.join()


def test_closing_before_the_first_frame_is_fine() -> None:
    recording = Recording([0])
    RealtimeSource(recording).close()
    assert recording.closed.is_set()


def test_decoding_behind_the_pace_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    class SlowClock(StepClock):
        def now_ns(self) -> int:
            self._now_ns += (
                900 * MS
            )  # passes with every look at it: decoding takes longer than the frames last
            return self._now_ns

    source = RealtimeSource(Recording([0, 100, 200, 300, 400]), SlowClock())
    with caplog.at_level(logging.WARNING):
        assert list(source)[-1].index == 4
    assert len(caplog.records) == 1
    assert "decoded 1.7 s later than they were taken" in caplog.text


def test_a_frozen_image_keeps_the_capture_of_its_own_frame() -> None:
    clock = StepClock()
    played = RealtimeSource(Recording([0, 100]), clock)
    frames = iter(FaultySource(played, [Freeze(When.at(1))]))
    next(frames)
    clock.step()
    assert next(frames).capture == Capture(100 * MS)


def test_the_clock_of_the_system_waits_until_a_time_or_until_it_is_given_up() -> None:
    clock, given_up = SystemClock(), threading.Event()
    begin_ns = clock.now_ns()
    clock.wait_until(begin_ns + 5 * MS, given_up)
    assert clock.now_ns() >= begin_ns + 5 * MS
    given_up.set()
    clock.wait_until(begin_ns + 10**15, given_up)  # two weeks


class RacingClock:
    """Passes by itself, half a second with every look at it."""

    def __init__(self) -> None:
        self._now_ns = 0

    def now_ns(self) -> int:
        self._now_ns += 500 * MS
        return self._now_ns

    def wait_until(self, time_ns: int, given_up: threading.Event) -> None:
        self._now_ns = max(self._now_ns, time_ns)


def test_files_that_were_overtaken_are_dropped_without_being_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recording = FILE_SOURCES["images"](tmp_path)  # ten frames a second
    assert isinstance(recording, RecordedSource)
    decoded: list[int] = []
    decode = recording.frame

    def note_and_decode(position: int) -> Frame:
        decoded.append(position)
        return decode(position)

    monkeypatch.setattr(recording, "frame", note_and_decode)
    frames = list(RealtimeSource(recording, RacingClock()))
    assert len(decoded) < NUM_FRAMES
    assert (decoded[0], decoded[-1]) == (0, NUM_FRAMES - 1)
    assert sum(1 + known(frame.capture).num_dropped for frame in frames) == NUM_FRAMES
    assert "later than they were taken" not in caplog.text, "decoding keeps up"


@pytest.mark.parametrize("stamps_ms", [[0, 100, 250, 300], [0, 100, 10**8, 10**8 + 100]])
def test_files_are_due_when_any_other_recording_is(stamps_ms: list[int], tmp_path: Path) -> None:
    images = [tmp_path / f"{index}.png" for index in range(len(stamps_ms))]
    for path in images:
        cv2.imwrite(str(path), np.zeros((64, 64), np.uint8))
    files = [FrameFiles(i, 10**18 + stamps_ms[i] * MS, path) for i, path in enumerate(images)]
    camera = Camera.from_pinhole(Recording.camera)
    found = []
    for source in (RecordedSource("files", files, Undistorter(camera)), Recording(stamps_ms)):
        clock = StepClock()
        taken = []
        for frame in RealtimeSource(source, clock):
            taken.append((frame.index, frame.capture))
            if frame.index < len(stamps_ms) - 1:
                clock.settle()
                clock.step()
        found.append(taken)
    assert found[0] == found[1]
