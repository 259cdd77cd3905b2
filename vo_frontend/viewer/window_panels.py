"""The panels of the window: status, note, hint, help and the current image, laid over the 3D view."""

from typing import Any

import numpy as np
import open3d as o3d
from numpy.typing import NDArray
from open3d.visualization import gui

from vo_frontend.types import Status
from vo_frontend.viewer import palette
from vo_frontend.viewer.image_painter import LEGEND_HEIGHT_PX, draw_image
from vo_frontend.viewer.image_view import ImageView
from vo_frontend.viewer.view_update import Update
from vo_frontend.viewer.window_text import HINT, KEYS, note_text, status_text

IMAGE_SHARE = (0.46, 0.44)  # of the window's width and height that the image may take
BACKDROP = (0.0, 0.0, 0.0, 0.6)
STATUS_COLOR = {
    Status.INITIALIZING: palette.SEGMENTS[2],
    Status.TRACKING: palette.GROUND_TRUTH,
    Status.LOST: palette.LOST_CAMERA,
}


class WindowPanels:
    """Owns the widgets over the 3D view of a window, and where they lie.

    Args:
        window: of Open3D.
        flips_images: what it shows as an image stands on its head, as with Open3D 0.20 and OpenGL.
    """

    def __init__(self, window: Any, *, flips_images: bool) -> None:
        self._window = window
        self._flips_images = flips_images
        self._status, self._figures = gui.Label("STARTING"), gui.Label("waiting for the first frame")
        self._note, self._hint = gui.Label(""), gui.Label(HINT)
        keys = [gui.Label(text) for row in KEYS for text in row]
        for label in (self._figures, self._hint, *keys):
            label.text_color = gui.Color(*palette.TEXT)
        self._note.text_color = gui.Color(*palette.LOOP)
        self._top = self._panel(self._status, self._figures)
        self._note_bar = self._panel(self._note)
        self._bottom = self._panel(self._hint)
        self._help = self._panel(*keys, num_columns=2)
        self._image = gui.ImageWidget()
        window.add_child(self._image)
        self._image_view: ImageView | None = None
        self._shows_image = True
        self.drawn_image: NDArray[np.uint8] | None = None  # (h, w, 3) RGB, as it is shown
        self._help.visible = self._image.visible = self._note_bar.visible = False

    def show(self, update: Update) -> None:
        """Show the figures and the image of an update."""
        state = update.state
        self._status.text = state.status.value.upper()
        self._status.text_color = gui.Color(*STATUS_COLOR[state.status])
        self._figures.text = status_text(update.scene, state)
        self._note.text = note_text(state)
        self._note_bar.visible = bool(self._note.text)
        if update.image is not None:
            self._image_view = update.image
        self._draw_image()

    def set_hint(self, hint: str) -> None:
        """Say at the bottom what can be done now."""
        self._hint.text = hint

    def toggle_help(self) -> None:
        """Show the keys, or hide them."""
        self._help.visible = not self._help.visible

    def toggle_image(self) -> None:
        """Hide the image, or show it again."""
        self._shows_image = not self._shows_image
        self._draw_image()

    def lay_out(self, area: Any, context: Any) -> None:
        """Place the panels in a rectangle of the window."""
        line = 2 * self._window.theme.font_size
        self._top.frame = gui.Rect(area.x, area.y, area.width, line)
        self._bottom.frame = gui.Rect(area.x, area.get_bottom() - line, area.width, line)
        self._note_bar.frame = gui.Rect(area.x, area.y + line, area.width, line)
        room = gui.Widget.Constraints()
        room.width, room.height = area.width, area.height
        size = self._help.calc_preferred_size(context, room)
        self._help.frame = gui.Rect(
            area.get_right() - size.width - line // 2, area.y + 2 * line, size.width, size.height
        )
        if self.drawn_image is not None:
            height, width = self.drawn_image.shape[:2]
            bottom = area.get_bottom() - line
            self._image.frame = gui.Rect(area.x + line // 4, bottom - height, width, height)

    def _draw_image(self) -> None:
        view = self._image_view
        self._image.visible = self._shows_image and view is not None
        if view is None or not self._image.visible:
            self.drawn_image = None
            return
        area = self._window.content_rect
        aspect = view.image.shape[1] / view.image.shape[0]
        room = IMAGE_SHARE[1] * area.height - LEGEND_HEIGHT_PX
        self.drawn_image = draw_image(view, int(min(IMAGE_SHARE[0] * area.width, room * aspect)))
        upright = self.drawn_image[::-1] if self._flips_images else self.drawn_image
        contents: Any = np.ascontiguousarray(upright)  # Open3D's types want a buffer
        self._image.update_image(o3d.geometry.Image(contents))

    def _panel(self, *labels: Any, num_columns: int = 0) -> Any:
        """Put labels over the view, on a darkened ground: in one line, or in columns."""
        size = self._window.theme.font_size
        margins = gui.Margins(size, size // 4, size, size // 4)
        panel = gui.VGrid(num_columns, size // 4, margins) if num_columns else gui.Horiz(size, margins)
        panel.background_color = gui.Color(*BACKDROP)
        for label in labels:
            panel.add_child(label)
        self._window.add_child(panel)
        return panel
