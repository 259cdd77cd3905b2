"""The loop that moves frames from a source through an estimator into sinks."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from world import CAMERA

from vo_frontend.errors import OutputError, SourceError
from vo_frontend.session import pipeline
from vo_frontend.types import Frame, FrameResult, Reason, Sensor, Status


class FakeSource:
    """Counts what is read of it, and notes in which thread."""

    name, sensor, camera, baseline_m, T_body_cam = "fake", Sensor.MONO, CAMERA, None, np.eye(4)

    def __init__(self, num_frames: int, *, error: SourceError | None = None, is_live: bool = False) -> None:
        self.num_frames, self.error, self.is_live = num_frames, error, is_live
        self.num_read, self.num_closed = 0, 0
        self.thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.num_frames):
            self.num_read, self.thread = index + 1, threading.current_thread()
            yield Frame(index, index * 10**8, np.zeros((64, 64), np.uint8))
        if self.error:
            raise self.error

    def close(self) -> None:
        self.num_closed += 1


class FakeEstimator:
    def __init__(self) -> None:
        self.extracted_in: threading.Thread | None = None
        self.has_finished = self.was_cut_short = False

    def extract(self, frame: Frame) -> Frame:
        self.extracted_in = threading.current_thread()
        return frame

    def track(self, extracted: Frame) -> FrameResult:
        return FrameResult(
            extracted.index, extracted.timestamp_ns, Status.INITIALIZING, Reason.FIRST_VIEW, 0, None,
            stage_seconds={"extract": 0.0},
        )  # fmt: skip

    def finish(self, stop: Callable[[], bool]) -> None:
        self.has_finished = True
        self.was_cut_short = stop()


class FakeSink:
    def __init__(self, fail_at: int | None = None, fail_on_close: bool = False) -> None:
        self.results: list[FrameResult] = []
        self.num_closed = 0
        self.fail_at, self.fail_on_close = fail_at, fail_on_close

    def consume(self, frame: Frame, result: FrameResult) -> None:
        assert frame.index == result.frame_index
        if frame.index == self.fail_at:
            raise OutputError("disk full")
        self.results.append(result)

    def close(self) -> None:
        self.num_closed += 1
        if self.fail_on_close:
            raise OutputError("disk full at the end")


@pytest.mark.parametrize("threads_ahead", [0, 1, 2])
@pytest.mark.parametrize("is_live", [False, True])
def test_every_frame_reaches_every_sink_in_order(is_live: bool, threads_ahead: int) -> None:
    source, sinks, estimator = FakeSource(25, is_live=is_live), [FakeSink(), FakeSink()], FakeEstimator()
    pipeline.feed(source, estimator, sinks, threads_ahead=threads_ahead)
    assert (estimator.extracted_in is threading.current_thread()) is (is_live or threads_ahead == 0)
    for sink in sinks:
        assert [result.frame_index for result in sink.results] == list(range(25))
        stages = list(sink.results[0].stage_seconds)
        assert stages == (["extract"] if is_live else ["read", "extract"]), "waiting for a camera is no work"
        assert sink.num_closed == 1
    assert source.num_closed == 1


@pytest.mark.parametrize("threads_ahead", [0, 1, 2])
def test_recorded_sources_are_decoded_ahead_but_only_a_little(threads_ahead: int) -> None:
    source, sink = FakeSource(100), FakeSink()
    pipeline.feed(
        source, FakeEstimator(), [sink], lambda: len(sink.results) == 5, threads_ahead=threads_ahead
    )
    assert len(sink.results) == 5
    assert source.thread is not threading.current_thread()
    assert source.num_read <= 5 + pipeline.ITEMS_AHEAD + 2


def test_neighbouring_frames_are_extracted_at_once_and_come_in_order() -> None:
    sink, both = FakeSink(), threading.Barrier(2)

    class Meeting(FakeEstimator):
        def extract(self, frame: Frame) -> Frame:
            both.wait(timeout=10)  # for the other thread, in the frame before or after
            time.sleep(0.02 * (frame.index % 2 == 0))
            return frame

    pipeline.feed(FakeSource(10), Meeting(), [sink], threads_ahead=2)
    assert [result.frame_index for result in sink.results] == list(range(10))


def test_without_extraction_ahead_nothing_is_decoded_during_extraction() -> None:
    source = FakeSource(5)

    class Watching(FakeEstimator):
        def extract(self, frame: Frame) -> Frame:
            time.sleep(0.02)
            assert source.num_read == frame.index + 1
            return frame

    pipeline.feed(source, Watching(), [], threads_ahead=0)
    assert source.num_read == 5


def test_live_sources_are_never_read_ahead() -> None:
    source = FakeSource(3, is_live=True)

    class Watching(FakeEstimator):
        def track(self, extracted: Frame) -> FrameResult:
            time.sleep(0.02)
            assert source.num_read == extracted.index + 1
            return super().track(extracted)

    pipeline.feed(source, Watching(), [])
    assert source.num_read == 3


class StalledSource(FakeSource):
    """Gives two frames; a file on a network disk that is gone, for the third."""

    def __iter__(self) -> Iterator[Frame]:
        yield from super().__iter__()
        threading.Event().wait()


WAYS = [(True, 1), (False, 2), (False, 1), (False, 0)]


@pytest.mark.parametrize(("is_live", "threads_ahead"), WAYS)
def test_a_source_that_stalls_is_given_up_and_what_it_gave_is_finished(
    is_live: bool, threads_ahead: int
) -> None:
    source, sink, estimator = StalledSource(2, is_live=is_live), FakeSink(), FakeEstimator()
    with pytest.raises(SourceError, match=r"fake: no frame for 0\.3 s; is the disk or the network still"):
        pipeline.feed(source, estimator, [sink], threads_ahead=threads_ahead, read_limit_s=0.3)
    assert (len(sink.results), sink.num_closed, source.num_closed) == (2, 1, 1)
    assert estimator.has_finished


@pytest.mark.parametrize(("is_live", "threads_ahead"), WAYS)
def test_a_stop_takes_effect_while_the_source_stalls(is_live: bool, threads_ahead: int) -> None:
    source, sink = StalledSource(2, is_live=is_live), FakeSink()
    pipeline.feed(
        source, FakeEstimator(), [sink], lambda: len(sink.results) == 2, threads_ahead=threads_ahead
    )
    assert (len(sink.results), sink.num_closed, source.num_closed) == (2, 1, 1)


@pytest.mark.parametrize(("is_live", "threads_ahead"), WAYS)
def test_an_error_of_the_source_comes_after_the_frames_before_it(is_live: bool, threads_ahead: int) -> None:
    source, sink = FakeSource(4, error=SourceError("camera unplugged"), is_live=is_live), FakeSink()
    with pytest.raises(SourceError, match="camera unplugged"):
        pipeline.feed(source, FakeEstimator(), [sink], threads_ahead=threads_ahead)
    assert len(sink.results) == 4
    assert sink.num_closed == source.num_closed == 1


def test_an_error_of_one_sink_closes_all_sinks_and_the_source() -> None:
    before = set(threading.enumerate())
    source, sinks = FakeSource(10), [FakeSink(), FakeSink(fail_at=3, fail_on_close=True), FakeSink()]
    with pytest.raises(OutputError, match="disk full$"):
        pipeline.feed(source, FakeEstimator(), sinks)
    assert [sink.num_closed for sink in sinks] == [1, 1, 1]
    assert source.num_closed == 1
    assert set(threading.enumerate()) <= before, "the reader thread has ended"


def test_a_stop_after_the_last_frame_cuts_short_what_is_done_then() -> None:
    estimator = FakeEstimator()
    pipeline.feed(FakeSource(3), estimator, [], lambda: estimator.has_finished)
    assert estimator.was_cut_short


def test_what_is_done_after_the_last_frame_is_done_for_a_stopped_run_too() -> None:
    estimator, sink = FakeEstimator(), FakeSink()
    pipeline.feed(FakeSource(9), estimator, [sink], lambda: len(sink.results) == 3)
    assert len(sink.results) == 3
    assert estimator.has_finished
    assert not estimator.was_cut_short


def test_a_stop_before_the_first_frame_still_closes_everything() -> None:
    source, sink = FakeSource(10), FakeSink()
    pipeline.feed(source, FakeEstimator(), [sink], lambda: True)
    assert (len(sink.results), sink.num_closed, source.num_closed) == (0, 1, 1)
