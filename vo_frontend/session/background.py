"""Work that may never end, done where nobody has to wait for it: a stalled disk does not stall the run."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from vo_frontend.errors import SourceError

POLL_S = 0.2  # how often a waiting loop looks whether it should stop
OPENING_LIMIT_S = 60.0  # for frames to be found and the first of them to be decoded

Result = TypeVar("Result")


class BackgroundThread:
    """One thread that does one thing after the other. A process that ends does not wait for it."""

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], Result]) -> "Future[Result]":
        """Do it after what was submitted before."""
        future: Future[Result] = Future()
        self._tasks.put((work, future))
        return future

    def close(self, patience_s: float) -> None:
        """Let the thread end after what was submitted, and wait for that, but not for long."""
        self._tasks.put(None)
        self._thread.join(patience_s)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            work, future = task
            try:
                future.set_result(work())
            except BaseException as error:  # handed over and raised by whoever asks, never swallowed
                future.set_exception(error)


def within(
    limit_s: float, work: Callable[[], Result], where: str, stop_requested: Callable[[], bool]
) -> Result:
    """Do work that reads from outside, and give it up after ``limit_s``.

    Raises:
        SourceError: it took longer.
        KeyboardInterrupt: the user asked to stop, and there is nothing to report yet.
    """
    thread = BackgroundThread(where)
    future, begin_s = thread.submit(work), time.monotonic()
    while not wait([future], POLL_S).done:
        if stop_requested():
            raise KeyboardInterrupt
        if time.monotonic() - begin_s > limit_s:
            raise SourceError(
                f"{where}: no answer for {limit_s:g} s; is the disk or the network still there?"
            )
    thread.close(POLL_S)
    return future.result()
