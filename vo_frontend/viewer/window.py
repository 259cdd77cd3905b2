"""The estimator's side of the window: hands over snapshots and never waits for it.

The window runs in its own process (spawned, because graphics libraries do not survive a fork). If it is
slow, hangs, crashes or is closed, the run goes on, with one line in the log.
"""

import logging
import multiprocessing
import queue
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from vo_frontend.errors import ViewerError
from vo_frontend.viewer import availability
from vo_frontend.viewer.graphics_process import explain_exit
from vo_frontend.viewer.scene import SceneSnapshot
from vo_frontend.viewer.window_process import Update, WindowEvent, run_window

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

log = logging.getLogger(__name__)

HANDOVER_S = 2.0  # to wait at the end for a window that may still be drawing
POLL_S = 0.01
EXIT_S = 0.2  # to wait between the end of the pipe and the end of the process
OPENING_S = 30.0  # to wait at the end, with ``hold``, for a window that is still opening


class ViewerWindow:
    """A window in another process. Create with :func:`open_window`.

    Args:
        process: the window's, already started.
        updates: to the window. Holds at most one, so that a late window gets fewer updates, never old ones.
        events: from the window.
    """

    def __init__(self, process: BaseProcess, updates: "Queue[Update]", events: Connection) -> None:
        self._process = process
        self._updates = updates
        self._events = events
        self._is_open = True
        self._stop_requested = False

    @property
    def stop_requested(self) -> bool:
        """True once the user has pressed Q in the window."""
        self._listen()
        return self._stop_requested

    @property
    def is_ready(self) -> bool:
        """True once the window has taken the previous update, so that making another one is worthwhile."""
        self._listen()
        return self._is_open and not self._updates.full()

    def show(self, snapshot: SceneSnapshot) -> None:
        """Hand over a snapshot, or drop it if the window is late."""
        try:
            self._updates.put_nowait(Update(snapshot))
        except queue.Full:
            log.debug("window is late, frame %d not shown", snapshot.frame_index)

    def close(self, snapshot: SceneSnapshot, hold: bool) -> None:
        """Show the last snapshot and end the window; with ``hold``, wait until the user closes it."""
        try:
            if self._hand_over(Update(snapshot, is_last=True, hold=hold), OPENING_S if hold else HANDOVER_S):
                if hold:
                    log.info("viewer: the run is over, close the window to finish")
                self._process.join(None if hold else HANDOVER_S)
                self._listen()
        finally:
            self._is_open = False
            self._process.kill()
            self._process.join()
            self._updates.cancel_join_thread()  # otherwise exit would wait for a reader that is gone
            self._updates.close()
            self._events.close()

    def _hand_over(self, update: Update, patience_s: float) -> bool:
        """Wait until the window takes an update; return False if it is gone or does not respond."""
        give_up_s = time.monotonic() + patience_s
        while time.monotonic() < give_up_s:
            if self.is_ready:
                self._updates.put_nowait(update)
                return True
            if not self._is_open:
                return False
            time.sleep(POLL_S)
        log.warning("viewer: the window does not respond and is closed")
        return False

    def _listen(self) -> None:
        while self._is_open:
            try:
                if not self._events.poll():
                    return
                event = self._events.recv()
            except (EOFError, OSError):
                self._is_open = False
                self._explain_end()
                return
            if isinstance(event, ViewerError):
                log.warning("%s", event)
            elif event is WindowEvent.STOP_REQUESTED:
                self._stop_requested = True

    def _explain_end(self) -> None:
        self._process.join(EXIT_S)
        if self._process.exitcode:
            log.warning("viewer: the window %s; the run goes on", explain_exit(self._process.exitcode))
        else:
            log.info("viewer: window closed")


def open_window(title: str) -> ViewerWindow:
    """Start the window's process and return at once; the window itself appears seconds later.

    Raises:
        ViewerError: Open3D is not installed, or there is no display. What fails later in the window's
            process, such as a missing system library, becomes a warning in the log.
    """
    availability.check_installed()
    availability.check_display()
    context = multiprocessing.get_context("spawn")
    updates: Queue[Update] = context.Queue(maxsize=1)
    events, window_events = context.Pipe(duplex=False)
    process = context.Process(target=run_window, args=(title, updates, window_events), daemon=True)
    process.start()
    window_events.close()
    return ViewerWindow(process, updates, events)
