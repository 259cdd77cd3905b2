"""The window itself, which runs in a process of its own; see :mod:`vo_frontend.viewer.window`."""

import math
import multiprocessing
import queue
import time
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from vo_frontend.errors import ViewerError
from vo_frontend.types import Status
from vo_frontend.viewer import availability, palette
from vo_frontend.viewer.graphics_process import run_to_exit
from vo_frontend.viewer.scene import SceneSnapshot
from vo_frontend.viewer.viewpoint import Vector, Viewpoint, chase
from vo_frontend.viewer.whole_map import frame_whole_map

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

REDRAW_PERIOD_S = 0.08  # redrawing more often costs time and shows no more
MAX_CORES = 0.5  # that drawing may take from the estimator; matters without a graphics card
SETTLING_S = (
    5.0  # keep redrawing after an update: the renderer skips a redraw while it is busy with the previous one
)
FOLLOW_SHARE = 0.5  # of the way to the chase camera, per redraw
HELP = "drag or wheel: look around    F: follow the camera    Q: stop the run    close: go on without"
HELP_AT_END = "the run is over    drag or wheel: look around    Q or close: leave"


class WindowEvent(Enum):
    """What the window tells the run; it sends a ViewerError instead if it cannot open."""

    STOP_REQUESTED = "stop requested"


@dataclass(frozen=True, slots=True)
class Update:
    """What the run tells the window."""

    snapshot: SceneSnapshot
    is_last: bool = False
    hold: bool = False  # with is_last: stay open until the user closes the window


def run_window(title: str, updates: "Queue[Update]", events: Connection) -> NoReturn:
    """Run the window's process, until the window is closed or the run is over."""

    def show() -> None:
        availability.import_open3d()
        _Window(title, updates, events).run()

    run_to_exit(show, events)


def status_text(snapshot: SceneSnapshot) -> str:
    """Write the line at the top of the window."""
    parts = [f"frame {snapshot.frame_index}", snapshot.status.value.upper()]
    if snapshot.reason.value:
        parts.append(snapshot.reason.value)
    if snapshot.status is Status.TRACKING:
        parts.append(f"{snapshot.num_inliers} inliers")
    if not math.isnan(snapshot.frames_per_second):
        parts.append(f"{snapshot.frames_per_second:.1f} frames/s")
    if len(snapshot.trajectories) > 1:
        parts.append(f"segment {len(snapshot.trajectories)}")
    if len(snapshot.loops):
        parts.append(f"loops: {len(snapshot.loops)}")
    return "    ".join(parts)


class _Pacer:
    """Decides when to redraw: not too often, and later if the last redraw took much processor time."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.monotonic(), time.process_time()

    def is_due(self) -> bool:
        wall_s, cpu_s = time.monotonic(), time.process_time()  # the latter of all threads
        if wall_s - self._wall_s < max(REDRAW_PERIOD_S, (cpu_s - self._cpu_s) / MAX_CORES):
            return False
        self._wall_s, self._cpu_s = wall_s, cpu_s
        return True


class _Window:
    """An Open3D window with the scene and a status line; owns the main thread of its process."""

    def __init__(self, title: str, updates: "Queue[Update]", events: Connection) -> None:
        from open3d.visualization import gui, rendering

        from vo_frontend.viewer.scene_painter import ScenePainter

        self._gui = gui
        self._updates, self._events = updates, events
        self._app = gui.Application.instance
        self._app.initialize()
        try:
            self._window = self._app.create_window(title, 1280, 760)
        except RuntimeError as error:
            raise ViewerError(
                f"viewer: the window cannot open ({error}); "
                f"try: sudo apt install {availability.RENDERING_PACKAGES}"
            ) from None
        self._view = gui.SceneWidget()
        self._view.scene = rendering.Open3DScene(self._window.renderer)
        self._painter = ScenePainter(self._view.scene, self._window.scaling)
        self._status, self._help = gui.Label("waiting for the first frame"), gui.Label(HELP)
        self._window.add_child(self._view)
        self._top_bar, self._bottom_bar = self._add_bar(self._status), self._add_bar(self._help)
        self._window.set_on_layout(self._lay_out)
        self._window.set_on_key(self._on_key)
        self._view.set_on_mouse(self._on_mouse)
        self._viewpoint: Viewpoint | None = None
        self._is_following = True
        self._is_over = False
        self._painted_eye = self._eye()

    def run(self) -> None:
        """Show updates until the window is closed, the run is over, or its process is gone."""
        parent = multiprocessing.parent_process()
        pacer = _Pacer()
        news_s = time.monotonic()
        while self._app.run_one_tick():  # sleeps for about 10 ms when nothing happens
            if not pacer.is_due():
                continue
            if parent is not None and not parent.is_alive():
                break
            self._turn_ground_truth()
            if time.monotonic() - news_s < SETTLING_S:
                self._window.post_redraw()
            try:
                update = self._updates.get_nowait()
            except queue.Empty:
                continue
            if update.is_last and not update.hold:
                break
            self._show(update)
            news_s = time.monotonic()

    def _show(self, update: Update) -> None:
        snapshot = update.snapshot
        if update.is_last:
            self._is_over = True
            self._help.text = HELP_AT_END
        if update.is_last and not snapshot.is_empty:
            self._look_from(frame_whole_map(snapshot, self._view.frame.width / self._view.frame.height)[1])
        elif self._is_following and not snapshot.is_empty:
            target = chase(snapshot)
            self._viewpoint = (
                target if self._viewpoint is None else self._viewpoint.towards(target, FOLLOW_SHARE)
            )
            self._look_from(self._viewpoint)
        self._painted_eye = self._eye()
        self._painter.paint(snapshot, self._painted_eye)
        self._status.text = status_text(snapshot)
        self._window.set_needs_layout()

    def _turn_ground_truth(self) -> None:
        """Keep ground truth behind the trajectory while the user looks around."""
        eye = self._eye()
        if (eye != self._painted_eye).any():
            self._painted_eye = eye
            self._painter.turn_to(eye)
            self._window.post_redraw()

    def _eye(self) -> Vector:
        """Return where the window looks from (3,), in scene coordinates."""
        return np.asarray(self._view.scene.camera.get_model_matrix(), dtype=np.float64)[:3, 3]

    def _add_bar(self, label: Any) -> Any:
        """Put a line of text over the view."""
        label.text_color = self._gui.Color(*palette.TEXT)
        margin = self._window.theme.font_size // 2
        bar = self._gui.Horiz(0, self._gui.Margins(2 * margin, margin // 2, margin, margin // 2))
        bar.add_child(label)
        self._window.add_child(bar)
        return bar

    def _look_from(self, viewpoint: Viewpoint) -> None:
        self._view.setup_camera(viewpoint.vertical_fov_deg, self._view.scene.bounding_box, viewpoint.target)
        self._view.look_at(viewpoint.target, viewpoint.eye, viewpoint.up)

    def _lay_out(self, context: Any) -> None:
        area = self._window.content_rect
        self._view.frame = area
        height = 2 * self._window.theme.font_size
        self._top_bar.frame = self._gui.Rect(area.x, area.y, area.width, height)
        self._bottom_bar.frame = self._gui.Rect(area.x, area.get_bottom() - height, area.width, height)

    def _on_key(self, event: Any) -> bool:
        if event.type != self._gui.KeyEvent.Type.DOWN:
            return False
        if event.key == self._gui.KeyName.F:
            self._is_following = True
        elif event.key == self._gui.KeyName.Q and self._is_over:
            self._window.close()
        elif event.key == self._gui.KeyName.Q:
            self._events.send(WindowEvent.STOP_REQUESTED)
        else:
            return False
        return True

    def _on_mouse(self, event: Any) -> Any:
        if event.type in (self._gui.MouseEvent.Type.DRAG, self._gui.MouseEvent.Type.WHEEL):
            self._is_following = False
        return self._gui.Widget.EventCallbackResult.IGNORED
