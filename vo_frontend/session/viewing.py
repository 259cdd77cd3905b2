"""The viewer of a run: a window where there is a display, or a recording."""

import logging
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from vo_frontend.errors import ViewerError, VoError
from vo_frontend.mapping.records import Records
from vo_frontend.reports.run_folder import RECORDING_NAME
from vo_frontend.session.opened_input import OpenedInput
from vo_frontend.types import Sensor, Trajectory
from vo_frontend.viewer.availability import check_display, check_installed
from vo_frontend.viewer.recording import open_recording
from vo_frontend.viewer.scene import Scene
from vo_frontend.viewer.sink import ViewerSink
from vo_frontend.viewer.view_process import ViewProcess
from vo_frontend.viewer.window_process import open_window

log = logging.getLogger(__name__)


class ViewKind(Enum):
    """Says what shows a run while it goes on."""

    NONE = "none"
    WINDOW = "window"  # of Open3D; stays open at the end
    WINDOW_IF_POSSIBLE = "window if possible"  # where there is a display; closes at the end
    RERUN = "rerun"  # a recording, and its viewer where there is a display


def open_viewer(
    opened: OpenedInput,
    folder: Path,
    records: Records,
    kind: ViewKind,
    released: Callable[[], bool] = lambda: False,
) -> ViewerSink:
    """Open a viewer. What cannot be shown becomes a warning.

    Args:
        opened: the frames, with the ground truth to draw beside the estimate.
        folder: of the run.
        records: of the session.
        kind: what to show.
        released: says that the user does not wait for the view any more.
    """
    view = None
    try:
        view = _open_view(opened, folder, kind)
    except ViewerError as error:
        log.warning("%s", error)
    return ViewerSink(
        Scene(records, ground_truth_to_show(opened), with_scale=opened.source.sensor is Sensor.MONO),
        view,
        hold=kind is ViewKind.WINDOW,
        released=released,
    )


def ground_truth_to_show(opened: OpenedInput) -> Trajectory | None:
    """Load the ground truth; None where there is none or it cannot be read, which the report says."""
    try:
        return opened.load_ground_truth() if opened.load_ground_truth else None
    except VoError:
        return None


def _open_view(opened: OpenedInput, folder: Path, kind: ViewKind) -> ViewProcess | None:
    if kind is ViewKind.NONE or (kind is ViewKind.WINDOW_IF_POSSIBLE and not _can_show_window()):
        return None
    title = opened.source.name
    if kind is ViewKind.RERUN:
        return open_recording(title, folder / RECORDING_NAME, opened.source.camera)
    return open_window(title, folder)


def _can_show_window() -> bool:
    try:
        check_installed()
        check_display()
    except ViewerError:  # nobody asked for a window, so its absence is no news
        return False
    return True
