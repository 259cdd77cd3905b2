"""A view whose process and queue are stand-ins in the hands of the test."""

import queue
from collections.abc import Callable
from multiprocessing.connection import Pipe
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, cast

import numpy as np

from vo_frontend.types import Frame
from vo_frontend.viewer.view_process import ViewProcess
from vo_frontend.viewer.view_update import Update

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

FRAME = Frame(0, 0, np.zeros((4, 6), np.uint8))


class FakeProcess:
    """A process that exists, and ends only when it is killed."""

    def __init__(self, exitcode: int | None = None) -> None:
        self.exitcode = exitcode
        self.was_killed = False

    def join(self, timeout: float | None = None) -> None:
        assert timeout is not None or self.exitcode is not None, "would wait forever"

    def kill(self) -> None:
        self.was_killed = True
        self.exitcode = -9 if self.exitcode is None else self.exitcode


class FakeQueue:
    """A queue of one place that a stuck view never empties."""

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.may_delay_exit = True

    def full(self) -> bool:
        return len(self.updates) == 1

    def put_nowait(self, update: Update) -> None:
        if self.full():
            raise queue.Full
        self.updates.append(update)

    def cancel_join_thread(self) -> None:
        self.may_delay_exit = False

    def close(self) -> None:
        pass


class FakeView:
    """A ViewProcess whose other end is in the hands of the test."""

    def __init__(self) -> None:
        self.process, self.queue = FakeProcess(), FakeQueue()
        answers, self.answers = Pipe(duplex=False)
        updates = cast("Queue[Update]", self.queue)
        self.view = ViewProcess("viewer", cast(BaseProcess, self.process), updates, answers, handover_s=0.02)


def after(num_calls: int) -> Callable[[], bool]:
    """Be false so many times, then true."""
    calls = iter(range(num_calls))
    return lambda: next(calls, None) is None
