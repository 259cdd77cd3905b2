"""The estimator's side of a view: hands over updates and never waits for it.

A view runs in a process of its own (spawned, because graphics libraries do not survive a fork). If it is
slow, hangs, crashes or is closed, the run goes on, with one line in the log.
"""

import logging
import multiprocessing
import queue
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Protocol

from vo_frontend.errors import ViewerError
from vo_frontend.viewer.graphics_process import explain_exit
from vo_frontend.viewer.view_update import Opened, Saved, Update, Wish

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

log = logging.getLogger(__name__)

POLL_S = 0.02
EXIT_S = 0.2  # to wait between the end of the pipe and the end of the process
OPENING_S = 30.0  # to wait at the end, with ``hold``, for a view that is still opening


class View(Protocol):
    """Shows updates of a run in a process of its own: what the window and the recording have in common.

    It is called with the updates to show and with the connection that it answers on, and ends its process
    after the update that is the last.
    """

    def __call__(self, updates: "Queue[Update]", answers: Connection) -> None:
        """Show updates as they come."""
        ...


class ViewProcess:
    """A view in another process, which may be late, stuck or gone. Create with :func:`start_view`.

    Args:
        name: of the view, for the log.
        process: the view's, already started.
        updates: to the view. Bounded: a late view gets fewer updates, never old ones.
        answers: from the view: a :class:`Wish`, :class:`Opened`, :class:`Saved` or ViewerError.
        handover_s: to wait at the end for a view that is still at work.
    """

    def __init__(
        self,
        name: str,
        process: BaseProcess,
        updates: "Queue[Update]",
        answers: Connection,
        handover_s: float = 2.0,
    ) -> None:
        self._name = name
        self._process = process
        self._updates = updates
        self._answers = answers
        self._handover_s = handover_s
        self._is_open = True
        self._has_opened = False
        self._stop_requested = False
        self._is_paused = False
        self._num_steps = 0

    def await_opening(self, patience_s: float) -> None:
        """Wait until the view has opened, failed, or used up the patience."""
        give_up_s = time.monotonic() + patience_s
        while self._is_open and not self._has_opened and time.monotonic() < give_up_s:
            time.sleep(POLL_S)
            self._listen()

    @property
    def stop_requested(self) -> bool:
        """True once the user has asked for the end of the run."""
        self._listen()
        return self._stop_requested

    @property
    def is_ready(self) -> bool:
        """True while the view has room for an update, so that making one is worthwhile."""
        self._listen()
        return self._is_open and not self._updates.full()

    def may_go_on(self) -> bool:
        """Return whether the user lets the run go on; a step that was asked for is used up."""
        self._listen()
        if not self._is_paused or not self._is_open or self._stop_requested:
            return True
        is_step = self._num_steps > 0
        self._num_steps -= is_step
        return is_step

    def show(self, update: Update) -> bool:
        """Hand over an update; return False if the view is late and it was dropped."""
        try:
            self._updates.put_nowait(update)
        except queue.Full:
            return False
        return True

    def finish(self, last: Update, released: Callable[[], bool]) -> None:
        """Show the last update and end the view.

        Args:
            last: with ``hold``, the view stays until the user closes it.
            released: says that nobody waits for that any more.
        """
        try:
            if last.hold and released():
                return
            if self._hand_over(last, released):
                if last.hold:
                    log.info("%s: the run is over; close the window or press q to finish", self._name)
                    self._wait(released)
                else:
                    self._process.join(self._handover_s)
                self._listen()
        finally:
            self._is_open = False
            self._process.kill()
            self._process.join()
            self._updates.cancel_join_thread()  # otherwise exit would wait for a reader that is gone
            self._updates.close()
            self._answers.close()

    def _hand_over(self, update: Update, released: Callable[[], bool]) -> bool:
        """Wait until the view takes an update; return False if it is gone or does not respond."""
        give_up_s = time.monotonic() + (OPENING_S if update.hold else self._handover_s)
        while time.monotonic() < give_up_s:
            if self.is_ready:
                return self.show(update)
            if not self._is_open or (update.hold and released()):
                return False
            time.sleep(POLL_S)
        log.warning("%s: does not respond and is closed", self._name)
        return False

    def _wait(self, released: Callable[[], bool]) -> None:
        while self._is_open and not released():
            self._listen()
            time.sleep(POLL_S)

    def _listen(self) -> None:
        while self._is_open:
            try:
                if not self._answers.poll():
                    return
                answer = self._answers.recv()
            except (EOFError, OSError):
                self._is_open = False
                self._explain_end()
                return
            self._heed(answer)

    def _heed(self, answer: Wish | Opened | Saved | ViewerError) -> None:
        if isinstance(answer, ViewerError):
            log.warning("%s", answer)
        elif isinstance(answer, Saved):
            log.info("%s: %s written", self._name, answer.path)
        elif isinstance(answer, Opened):
            self._has_opened = True
        elif answer is Wish.STOP:
            self._stop_requested = True
        elif answer is Wish.STEP:
            self._num_steps += 1
        else:
            self._is_paused, self._num_steps = answer is Wish.PAUSE, 0

    def _explain_end(self) -> None:
        self._process.join(EXIT_S)
        if self._process.exitcode:
            log.warning("%s %s; the run goes on", self._name, explain_exit(self._process.exitcode))
        else:
            log.info("%s: closed", self._name)


def start_view(name: str, view: View, *, capacity: int, handover_s: float) -> ViewProcess:
    """Start a view's process and return at once.

    Uses multiprocessing "spawn": a script that calls this needs the usual ``if __name__ == "__main__"``.

    Args:
        name: for the log.
        view: can be pickled.
        capacity: updates that may wait for it.
        handover_s: to wait at the end for a view that is still at work.
    """
    context = multiprocessing.get_context("spawn")
    updates: Queue[Update] = context.Queue(maxsize=capacity)
    answers, view_answers = context.Pipe(duplex=False)
    process = context.Process(target=view, args=(updates, view_answers), daemon=True)
    process.start()
    view_answers.close()
    return ViewProcess(name, process, updates, answers, handover_s)
