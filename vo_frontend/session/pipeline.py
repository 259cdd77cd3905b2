"""The plain loop that moves frames through the estimator and hands the results to the sinks."""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from vo_frontend.errors import SourceError
from vo_frontend.reports.sink import Sink
from vo_frontend.session.background import POLL_S, BackgroundThread
from vo_frontend.session.failures import Attempts
from vo_frontend.sources.base import FrameSource
from vo_frontend.types import Frame, FrameResult

ITEMS_AHEAD = 2  # enough to hide the disk, few enough to bound memory
READ_LIMIT_S = 60.0  # for one frame; longer than live sources wait by themselves
GRACE_S = 0.5  # for a reader that is told to end and may be stalled

Item = TypeVar("Item")
Result = TypeVar("Result")
Extracted = TypeVar("Extracted")


class Estimator(Protocol[Extracted]):
    """Turns frames into results, one each, in order, in two halves."""

    def extract(self, frame: Frame) -> Extracted:
        """Do what needs this frame only. May be called from another thread than :meth:`track`."""
        ...

    def track(self, extracted: Extracted) -> FrameResult:
        """Do what needs all frames before. Called in order."""
        ...

    def finish(self, stop: Callable[[], bool]) -> None:
        """Do what needs all frames, before the sinks are closed; stop early when asked to."""
        ...


def feed(
    source: FrameSource,
    estimator: Estimator[Extracted],
    sinks: Iterable[Sink],
    stop_requested: Callable[[], bool] = lambda: False,
    *,
    threads_ahead: int = 1,
    read_limit_s: float = READ_LIMIT_S,
) -> None:
    """Feed every frame through the estimator and every result to every sink, until the source ends.

    The source is read in a thread, so that one that stalls can be given up, after ``read_limit_s`` or when
    a stop is requested. Recorded frames are decoded there while the frame before is tracked, and the features
    of as many frames as there are ``threads_ahead`` are extracted meanwhile: the results are the same. A live
    source is never read ahead, so that the newest frame is the one worked on.

    Sinks are closed and the source released however the loop ends: exhausted, stopped, or by an error; the
    first error is raised afterwards. What a source gave before it failed is finished like a whole. A stop
    takes effect between two frames, so that no file ends in half a record; after the last frame, it ends what
    the estimator does then.

    Raises:
        VoError: of the source or of a sink.
    """
    sinks, reads = list(sinks), _Reads(source)

    def extract(item: tuple[Frame, float]) -> tuple[Frame, float, Extracted]:
        return *item, estimator.extract(item[0])

    def goes_on() -> bool:
        reads.require_progress(read_limit_s)
        return not stop_requested()

    if threads_ahead and not source.is_live:
        items = _worked_ahead(reads, extract, threads_ahead, goes_on)
    else:
        items = _one_by_one(iter(reads), extract, goes_on, prefetch=not source.is_live)

    def track() -> None:
        for frame, read_s, extracted in items:
            result = estimator.track(extracted)
            if not source.is_live:  # there it is waiting, not work
                result = replace(result, stage_seconds={"read": read_s, **result.stage_seconds})
            for sink in sinks:
                sink.consume(frame, result)
            if stop_requested():
                break

    attempt = Attempts()
    attempt(track)
    if attempt.first is None or isinstance(attempt.first, SourceError):
        was_stopped = stop_requested()  # whoever stops the frames still wants the best of those that came
        attempt(lambda: estimator.finish(lambda: not was_stopped and stop_requested()))
    attempt(source.close)  # ends a pending read of a live source
    attempt(items.close)
    for sink in sinks:
        attempt(sink.close)
    attempt.raise_first()


class _Reads:
    """Reads a source, times each frame, and knows since when the next one is awaited."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._since_s: float | None = None

    def __iter__(self) -> Iterator[tuple[Frame, float]]:
        frames = iter(self._source)
        while True:
            begin_s = self._since_s = time.perf_counter()
            try:
                frame = next(frames, None)
            finally:
                self._since_s = None
            if frame is None:
                return
            yield frame, time.perf_counter() - begin_s

    def require_progress(self, limit_s: float) -> None:
        """Raise SourceError if one frame has been awaited for longer."""
        since_s = self._since_s
        if since_s is not None and time.perf_counter() - since_s > limit_s:
            raise SourceError(
                f"{self._source.name}: no frame for {limit_s:g} s; is the disk or the network still there?"
            )


def _ahead(items: Iterator[Item], goes_on: Callable[[], bool]) -> Generator[Item, None, None]:
    """Run an iterator in a thread, a few items ahead. Its error is raised after the items before it."""
    ready: queue.Queue[Item | _End] = queue.Queue(maxsize=ITEMS_AHEAD)
    finished = threading.Event()

    def put(item: Item | _End) -> bool:
        while not finished.is_set():
            try:
                ready.put(item, timeout=POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_End(None))
        except BaseException as error:  # handed over and raised by the consumer, never swallowed
            put(_End(error))

    worker = BackgroundThread("ahead")
    worker.submit(work)
    try:
        while goes_on():
            try:
                item = ready.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if not isinstance(item, _End):
                yield item
            elif item.error is not None:
                raise item.error
            else:
                return
    finally:
        finished.set()
        worker.close(GRACE_S)


def _worked_ahead(
    items: Iterable[Item], work: Callable[[Item], Result], num_threads: int, goes_on: Callable[[], bool]
) -> Generator[Result, None, None]:
    """Work on neighbouring items in as many threads, a few items ahead; results and errors come in order."""
    threads = [BackgroundThread(f"extract {number}") for number in range(num_threads)]
    begun = _ahead(
        (threads[number % num_threads].submit(partial(work, item)) for number, item in enumerate(items)),
        goes_on,
    )
    try:
        for result in begun:
            while not wait([result], POLL_S).done:
                if not goes_on():
                    return
            yield result.result()
    finally:
        begun.close()
        for thread in threads:
            thread.close(GRACE_S)


def _one_by_one(
    items: Iterator[Item], work: Callable[[Item], Result], goes_on: Callable[[], bool], *, prefetch: bool
) -> Generator[Result, None, None]:
    """Work here on each item, fetched in a thread; with ``prefetch`` while the consumer has the one before.

    Not earlier: on few cores decoding would take from the work what it needs. An error of ``items`` is
    raised after the items before it.
    """
    reader = BackgroundThread("read")

    def fetch() -> Future[Item | None]:
        return reader.submit(lambda: next(items, None))

    try:
        upcoming = fetch()
        while goes_on():
            if not wait([upcoming], POLL_S).done:
                continue
            item = upcoming.result()
            if item is None:
                return
            result = work(item)
            if prefetch:
                upcoming = fetch()
            yield result
            if not prefetch:
                upcoming = fetch()
    finally:
        reader.close(GRACE_S)


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None
