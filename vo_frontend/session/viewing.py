"""The viewer of a run: a window where there is a display."""

from pathlib import Path

from vo_frontend.errors import ViewerError, VoError
from vo_frontend.mapping.records import Records
from vo_frontend.session.opened_input import OpenedInput
from vo_frontend.types import Sensor, Trajectory
from vo_frontend.viewer.availability import check_display, check_installed
from vo_frontend.viewer.scene import Scene
from vo_frontend.viewer.sink import ViewerSink, make_viewer_sink


def open_viewer(opened: OpenedInput, folder: Path, records: Records, *, view: bool | None) -> ViewerSink:
    """Open a viewer.

    Args:
        opened: the frames, with the ground truth to draw beside the estimate.
        folder: of the run.
        records: of the session.
        view: show a window and keep it open at the end; None: show one where there is a display.
    """
    show_window = _can_show_window() if view is None else view
    with_scale = opened.source.sensor is Sensor.MONO
    scene = Scene(records, ground_truth_to_show(opened), with_scale=with_scale)
    return make_viewer_sink(scene, opened.source.name, show_window, None, hold=bool(view))


def ground_truth_to_show(opened: OpenedInput) -> Trajectory | None:
    """Load the ground truth; None where there is none or it cannot be read, which the report says."""
    try:
        return opened.load_ground_truth() if opened.load_ground_truth else None
    except VoError:
        return None


def _can_show_window() -> bool:
    try:
        check_installed()
        check_display()
    except ViewerError:  # nobody asked for a window, so its absence is no news
        return False
    return True
