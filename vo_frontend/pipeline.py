"""The plain loop that moves frames through the estimator and hands the results to the sinks."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from vo_frontend.outputs.sink import Sink
from vo_frontend.sources.base import FrameSource
from vo_frontend.types import Frame, FrameResult

PREFETCHED_FRAMES = 2  # decoded ahead: enough to hide the disk, few enough to bound memory
POLL_S = 0.2  # how often a waiting loop looks whether it should stop


class Estimator(Protocol):
    """Turns frames into results, one each, in order."""

    def process(self, frame: Frame) -> FrameResult:
        """Estimate the pose of one frame."""
        ...


def run(
    source: FrameSource,
    estimator: Estimator,
    sinks: Iterable[Sink],
    stop_requested: Callable[[], bool] = lambda: False,
) -> None:
    """Feed every frame through the estimator and every result to every sink, until the source ends.

    Sinks are closed and the source released however the loop ends: exhausted, stopped, or by an
    error, which is raised afterwards. A stop takes effect between two frames, so that no file ends
    in half a record.
    """
    sinks = list(sinks)
    frames = iter(source) if source.is_live else _prefetched(source, stop_requested)
    try:
        before_s = time.perf_counter()
        for frame in frames:
            read_s = time.perf_counter() - before_s
            result = estimator.process(frame)
            result = replace(result, stage_seconds={"read": read_s, **result.stage_seconds})
            for sink in sinks:
                sink.consume(frame, result)
            if stop_requested():
                break
            before_s = time.perf_counter()
    finally:
        source.close()
        _close_all(sinks)


def _close_all(sinks: list[Sink]) -> None:
    """Close every sink even where an earlier one fails; the first failure is raised at the end."""
    if not sinks:
        return
    try:
        sinks[0].close()
    finally:
        _close_all(sinks[1:])


def _prefetched(source: FrameSource, stop_requested: Callable[[], bool]) -> Iterator[Frame]:
    """Decode ahead in a thread. An error of the source is raised here, after the frames before it."""
    ready: queue.Queue[Frame | BaseException | None] = queue.Queue(maxsize=PREFETCHED_FRAMES)
    finished = threading.Event()

    def put(item: Frame | BaseException | None) -> bool:
        while not finished.is_set():
            try:
                ready.put(item, timeout=POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for frame in source:
                if not put(frame):
                    return
            put(None)
        except BaseException as error:  # handed over and raised by the consumer, never swallowed
            put(error)

    reader = threading.Thread(target=read, name="decode-ahead", daemon=True)
    reader.start()
    try:
        while not stop_requested():
            try:
                item = ready.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        finished.set()
        reader.join()
