"""The viewer as a sink: shows results in a live window, in a picture of the map at the end, or both."""

import logging
import time
from collections import deque
from pathlib import Path

from vo_frontend.errors import ViewerError
from vo_frontend.types import Frame, FrameResult
from vo_frontend.viewer.map_picture import render_map
from vo_frontend.viewer.scene import Scene
from vo_frontend.viewer.window import ViewerWindow, open_window

log = logging.getLogger(__name__)

RATE_FRAMES = 30  # number of frames over which the shown frame rate is averaged


class ViewerSink:
    """Shows the scene while it grows. Implements ``vo_frontend.reports.sink.Sink``.

    A failure of the graphics stack never ends the run: it becomes a warning.

    Args:
        scene: empty, created with ground truth if that is to be shown.
        window: from :func:`open_window`, None for none.
        picture_path: PNG file of the whole map, drawn by ``close``; None for none.
        hold: keep the window open at the end until the user closes it.
    """

    def __init__(
        self,
        scene: Scene,
        window: ViewerWindow | None = None,
        picture_path: Path | None = None,
        hold: bool = False,
    ) -> None:
        self._scene = scene
        self._window = window
        self._picture_path = picture_path
        self._hold = hold
        self._arrival_times_s: deque[float] = deque(maxlen=RATE_FRAMES)

    @property
    def stop_requested(self) -> bool:
        """True once the user has asked in the window to stop the run."""
        return self._window is not None and self._window.stop_requested

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Add one result to the scene, and show it unless the window is late."""
        self._arrival_times_s.append(time.perf_counter())
        self._scene.update(result)
        if self._window is not None and self._window.is_ready:
            self._window.show(self._scene.snapshot(self._frames_per_second()))

    def close(self) -> None:
        """Draw the picture, then end the window (or wait for the user, with ``hold``)."""
        snapshot = self._scene.snapshot(self._frames_per_second(), is_final=True)
        try:
            if self._picture_path is not None:
                render_map(snapshot, self._picture_path)
        except ViewerError as error:
            log.warning("%s", error)
        finally:
            if self._window is not None:
                self._window.close(snapshot, self._hold)

    def _frames_per_second(self) -> float:
        times_s = self._arrival_times_s
        if len(times_s) < 2 or times_s[-1] == times_s[0]:
            return float("nan")
        return (len(times_s) - 1) / (times_s[-1] - times_s[0])


def make_viewer_sink(
    scene: Scene, title: str, show_window: bool, picture_path: Path | None, hold: bool = False
) -> ViewerSink:
    """Build a sink that shows what this machine can show, and log a warning for what it cannot."""
    window = None
    try:
        window = open_window(title) if show_window else None
    except ViewerError as error:
        log.warning("%s", error)
    return ViewerSink(scene, window, picture_path, hold)
