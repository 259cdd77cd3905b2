"""The viewer as a sink: shows results in a view while the run goes on."""

import logging
import time
from collections.abc import Callable

from vo_frontend.types import Frame, FrameResult
from vo_frontend.viewer.image_view import TrackHistory
from vo_frontend.viewer.run_state import RunMonitor
from vo_frontend.viewer.scene import Scene
from vo_frontend.viewer.view_process import ViewProcess
from vo_frontend.viewer.view_update import Update

log = logging.getLogger(__name__)

PAUSE_POLL_S = 0.02


class ViewerSink:
    """Shows the scene while it grows. Implements ``vo_frontend.reports.sink.Sink``.

    A failure of the graphics stack never ends the run: it becomes a warning. Nothing waits for the view but a
    pause that the user asks for; :meth:`leave` ends it once the run has written all that it writes.

    Args:
        scene: empty, created with ground truth if that is to be shown.
        view: a window or a recording, None for none.
        hold: keep the view open at the end until the user closes it.
        released: says that the user wants to go, so that a pause or a view that is held open must end.
    """

    def __init__(
        self,
        scene: Scene,
        view: ViewProcess | None = None,
        *,
        hold: bool = False,
        released: Callable[[], bool] = lambda: False,
    ) -> None:
        self._scene = scene
        self._view = view
        self._hold = hold
        self._released = released
        self._monitor = RunMonitor()
        self._tracks = TrackHistory()
        self._last: tuple[Frame, FrameResult] | None = None
        self._num_frames = self._num_shown = 0

    @property
    def stop_requested(self) -> bool:
        """True once the user has asked in the window to stop the run."""
        return self._view is not None and self._view.stop_requested

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Add one result to the scene, and show it unless the view is late; wait while the user pauses."""
        self._scene.update(result)
        if self._view is None:
            return
        self._num_frames += 1
        self._last = frame, result
        self._monitor.update(frame, result)
        self._tracks.update(result)
        is_shown = self._show(self._view, frame, result)
        while not self._view.may_go_on() and not self._released():
            is_shown = is_shown or self._show(self._view, frame, result)
            time.sleep(PAUSE_POLL_S)

    def close(self) -> None:
        """Say what was shown; the view goes on until :meth:`leave`."""
        if self._num_frames:
            log.info("view: %d of %d frames shown", self._num_shown, self._num_frames)

    def leave(self) -> None:
        """Show the end of the run and end the view, with ``hold`` once the user has closed it."""
        view, self._view = self._view, None
        if view is None:
            return
        image = None if self._last is None else self._tracks.view(*self._last)
        scene = self._scene.snapshot(is_final=True)
        view.finish(Update(scene, self._monitor.state, image, is_last=True, hold=self._hold), self._released)

    def _show(self, view: ViewProcess, frame: Frame, result: FrameResult) -> bool:
        """Show the newest frame if the view has room for it; return whether it has."""
        if not view.is_ready:
            return False
        image = self._tracks.view(frame, result)
        is_shown = view.show(Update(self._scene.snapshot(), self._monitor.state, image))
        self._num_shown += is_shown
        return is_shown
