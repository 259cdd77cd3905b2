"""The plain loop that moves frames through the estimator and hands the results to the sinks."""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from vo_frontend.reports.sink import Sink
from vo_frontend.sources.base import FrameSource
from vo_frontend.types import Frame, FrameResult

ITEMS_AHEAD = 2  # enough to hide the disk, few enough to bound memory
POLL_S = 0.2  # how often a waiting loop looks whether it should stop

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

    def finish(self) -> None:
        """Do what needs all frames, before the sinks are closed."""
        ...


def feed(
    source: FrameSource,
    estimator: Estimator[Extracted],
    sinks: Iterable[Sink],
    stop_requested: Callable[[], bool] = lambda: False,
    *,
    extract_ahead: bool = True,
) -> None:
    """Feed every frame through the estimator and every result to every sink, until the source ends.

    Recorded frames are decoded in a thread, and with ``extract_ahead`` their features are extracted
    there too, while the frame before is tracked: the results are the same. A live source is never read
    ahead, so that the newest frame is the one worked on.

    Sinks are closed and the source released however the loop ends: exhausted, stopped, or by an
    error, which is raised afterwards. A stop takes effect between two frames, so that no file ends
    in half a record.
    """
    sinks = list(sinks)

    def read() -> Iterator[tuple[Frame, float]]:
        before_s = time.perf_counter()
        for frame in source:
            yield frame, time.perf_counter() - before_s
            before_s = time.perf_counter()

    def extract(item: tuple[Frame, float]) -> tuple[Frame, float, Extracted]:
        return *item, estimator.extract(item[0])

    if source.is_live:
        items = (extract(item) for item in read())
    elif extract_ahead:
        items = _ahead((extract(item) for item in read()), stop_requested)
    else:
        items = _one_ahead(read(), extract, stop_requested)
    try:
        for frame, read_s, extracted in items:
            result = estimator.track(extracted)
            result = replace(result, stage_seconds={"read": read_s, **result.stage_seconds})
            for sink in sinks:
                sink.consume(frame, result)
            if stop_requested():
                break
        estimator.finish()
    finally:
        items.close()  # ends the reader before the source that it reads
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


def _ahead(items: Iterator[Item], stop_requested: Callable[[], bool]) -> Generator[Item, None, None]:
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

    worker = threading.Thread(target=work, name="ahead", daemon=True)
    worker.start()
    try:
        while not stop_requested():
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
        worker.join()


def _one_ahead(
    items: Iterator[Item], work: Callable[[Item], Result], stop_requested: Callable[[], bool]
) -> Generator[Result, None, None]:
    """Work on each item here; the next one is fetched in a thread while the consumer has the result.

    Not earlier: on few cores decoding would take from the work what it needs. An error of ``items`` is
    raised after the items before it.
    """
    with ThreadPoolExecutor(1, "read") as reader:
        upcoming = reader.submit(next, items, None)
        while not stop_requested():
            if not wait([upcoming], POLL_S).done:
                continue
            item = upcoming.result()
            if item is None:
                return
            result = work(item)
            upcoming = reader.submit(next, items, None)
            yield result


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None
