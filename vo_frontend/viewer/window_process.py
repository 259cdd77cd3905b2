"""The window itself, which runs in a process of its own; see :mod:`vo_frontend.viewer.view_process`."""

import multiprocessing
import queue
import time
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from vo_frontend.errors import ViewerError
from vo_frontend.viewer import availability
from vo_frontend.viewer.graphics_process import run_to_exit
from vo_frontend.viewer.layers import Layer
from vo_frontend.viewer.scene import SceneSnapshot
from vo_frontend.viewer.software_rendering import is_drawn_by_processor, prefer_opengl
from vo_frontend.viewer.view_process import ViewProcess, start_view
from vo_frontend.viewer.view_update import Saved, Update, Wish
from vo_frontend.viewer.viewpoint import Vector, Viewpoint, chase, from_above
from vo_frontend.viewer.whole_map import frame_whole_map
from vo_frontend.viewer.window_text import HINT, HINT_AT_END, HINT_PAUSED

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

REDRAW_PERIOD_S = 0.08  # redrawing more often costs time and shows no more
MAX_CORES = 0.5  # that drawing may take from the estimator; matters without a graphics card
# The renderer skips a redraw while it is busy with the one before, so some more follow whatever is new.
# They are few: the software renderer never gives back the memory that a redraw takes.
SETTLING_S, SETTLING_PERIOD_S = 5.0, 0.4
FOLLOW_SHARE = 0.5  # of the way to the chase camera, per redraw


@dataclass(frozen=True, slots=True)
class WindowView:
    """Shows a run in an Open3D window. Implements ``view_process.View``."""

    title: str
    folder: Path  # for pictures

    def __call__(self, updates: "Queue[Update]", answers: Connection) -> NoReturn:
        """Run the window's process, until the window is closed or the run is over."""

        def show() -> None:
            availability.import_open3d()
            uses_opengl = is_drawn_by_processor() and prefer_opengl()
            _Window(self.title, self.folder, updates, answers, flips_images=uses_opengl).run()

        run_to_exit(show, answers)


def open_window(title: str, folder: Path) -> ViewProcess:
    """Start the window's process and return at once; the window itself appears seconds later.

    Args:
        title: of the window.
        folder: where the user's pictures of the window go.

    Raises:
        ViewerError: Open3D is not installed, or there is no display. What fails later in the window's
            process, such as a missing system library, becomes a warning in the log.
    """
    availability.check_installed()
    availability.check_display()
    return start_view("viewer", WindowView(title, folder), capacity=1, handover_s=2.0)


class _Gaze(Enum):
    """Where the window looks from."""

    FOLLOWING = "behind the camera"
    ABOVE = "above"
    FREE = "where the user has put it"


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
    """An Open3D window with the scene and panels; owns the main thread of its process."""

    def __init__(
        self,
        title: str,
        folder: Path,
        updates: "Queue[Update]",
        answers: Connection,
        *,
        flips_images: bool,
    ) -> None:
        from open3d.visualization import gui, rendering

        from vo_frontend.viewer.scene_painter import ScenePainter
        from vo_frontend.viewer.window_panels import WindowPanels

        self._gui = gui
        self._folder, self._updates, self._answers = folder, updates, answers
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
        self._window.add_child(self._view)
        self._panels = WindowPanels(self._window, flips_images=flips_images)
        self._window.set_on_layout(self._lay_out)
        self._window.set_on_key(self._on_key)
        self._view.set_on_mouse(self._on_mouse)
        self._actions = self._actions_by_key()
        self._shown: Update | None = None
        self._viewpoint: Viewpoint | None = None
        self._gaze = _Gaze.FOLLOWING
        self._is_paused = self._is_over = False
        self._painted_eye = self._eye()
        self._news_s = self._redrawn_s = time.monotonic()

    def run(self) -> None:
        """Show updates until the window is closed, the run is over, or its process is gone."""
        parent = multiprocessing.parent_process()
        pacer = _Pacer()
        while self._app.run_one_tick():  # sleeps for about 10 ms when nothing happens
            if not pacer.is_due():
                continue
            if parent is not None and not parent.is_alive():
                break
            self._turn_ground_truth()
            self._settle()
            try:
                update = self._updates.get_nowait()
            except queue.Empty:
                continue
            if update.is_last and not update.hold:
                break
            self._show(update)

    def _show(self, update: Update) -> None:
        self._shown = update
        if update.is_last:
            self._is_over, self._is_paused = True, False
            self._panels.set_hint(HINT_AT_END)
            if self._gaze is not _Gaze.ABOVE and not update.scene.is_empty:
                self._gaze = _Gaze.FREE
                self._look_from(frame_whole_map(update.scene, self._aspect())[1])
        self._aim(update.scene)
        self._painted_eye = self._eye()
        self._painter.paint(update.scene, self._painted_eye)
        self._panels.show(update)
        self._refresh()

    def _aim(self, scene: SceneSnapshot) -> None:
        """Look where the user wants to look, at once or on the way there."""
        if self._gaze is _Gaze.FREE or scene.T_scene_cam is None:
            return
        if self._gaze is _Gaze.ABOVE:
            margin = 0.5 * scene.landmark_distance * np.array([[-1], [1]])
            around_camera = (scene.T_scene_cam[:3, 3] + margin).astype(np.float32)
            target = from_above(np.concatenate([*scene.trajectories, around_camera]), self._aspect())
        else:
            target = chase(scene)
        seen = self._viewpoint
        self._viewpoint = target if seen is None else seen.towards(target, FOLLOW_SHARE)
        self._look_from(self._viewpoint)

    def _look(self, gaze: _Gaze) -> None:
        """Look from elsewhere, at once."""
        self._gaze, self._viewpoint = gaze, None
        if self._shown is not None:
            self._aim(self._shown.scene)

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

    def _aspect(self) -> float:
        return self._view.frame.width / max(self._view.frame.height, 1)

    def _look_from(self, viewpoint: Viewpoint) -> None:
        self._view.setup_camera(viewpoint.vertical_fov_deg, self._view.scene.bounding_box, viewpoint.target)
        self._view.look_at(viewpoint.target, viewpoint.eye, viewpoint.up)

    def _lay_out(self, context: Any) -> None:
        self._view.frame = self._window.content_rect
        self._panels.lay_out(self._window.content_rect, context)

    def _refresh(self) -> None:
        """Draw what is new."""
        self._news_s = self._redrawn_s = time.monotonic()
        self._window.set_needs_layout()
        self._window.post_redraw()

    def _settle(self) -> None:
        """Draw again now and then, until the renderer must have caught up."""
        now_s = time.monotonic()
        if now_s - self._news_s < SETTLING_S and now_s - self._redrawn_s > SETTLING_PERIOD_S:
            self._redrawn_s = now_s
            self._window.post_redraw()

    def _actions_by_key(self) -> dict[Any, Any]:
        key = self._gui.KeyName
        digits = (key.ONE, key.TWO, key.THREE, key.FOUR, key.FIVE, key.SIX)
        return {
            key.SPACE: lambda: self._pause(not self._is_paused),
            key.S: self._step,
            key.F: lambda: self._look(_Gaze.FOLLOWING),
            key.T: lambda: self._look(_Gaze.ABOVE),
            key.P: self._save_picture,
            key.H: self._panels.toggle_help,
            key.Q: self._quit,
            **{
                digit: lambda layer=layer: self._toggle(layer)
                for digit, layer in zip(digits, Layer, strict=True)
            },
        }

    def _on_key(self, event: Any) -> bool:
        action = self._actions.get(event.key)
        if event.type != self._gui.KeyEvent.Type.DOWN or action is None:
            return False
        action()
        self._refresh()
        return True

    def _on_mouse(self, event: Any) -> Any:
        if event.type in (self._gui.MouseEvent.Type.DRAG, self._gui.MouseEvent.Type.WHEEL):
            self._gaze = _Gaze.FREE
        return self._gui.Widget.EventCallbackResult.IGNORED

    def _pause(self, is_paused: bool) -> None:
        if self._is_over:
            return
        self._is_paused = is_paused
        self._answers.send(Wish.PAUSE if is_paused else Wish.GO_ON)
        self._panels.set_hint(HINT_PAUSED if is_paused else HINT)

    def _step(self) -> None:
        if not self._is_paused:
            self._pause(True)
        elif not self._is_over:
            self._answers.send(Wish.STEP)

    def _quit(self) -> None:
        if self._is_over:
            self._window.close()
        else:
            self._answers.send(Wish.STOP)

    def _toggle(self, layer: Layer) -> None:
        if layer is Layer.IMAGE:
            self._panels.toggle_image()
        else:
            self._painter.toggle(layer)

    def _save_picture(self) -> None:
        shown = self._shown
        if shown is None:
            return
        path = self._folder / f"view_{shown.state.frame_index:06}.png"

        def save(rendered: Any) -> None:
            from vo_frontend.viewer.window_picture import compose, write_picture

            try:
                write_picture(path, compose(np.asarray(rendered), shown, self._panels.drawn_image))
                self._answers.send(Saved(path))
            except ViewerError as error:  # the window goes on without it
                self._answers.send(error)

        self._view.scene.scene.render_to_image(save)
