"""The files of a run that show rather than count: errors, pictures and ``report.html``."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from vo_frontend.errors import VoError
from vo_frontend.reports.error_log import ERRORS_NAME, PoseErrors, write_errors
from vo_frontend.reports.figures.map_picture import plot_map
from vo_frontend.reports.figures.path import PlottedPath
from vo_frontend.reports.figures.trajectory import plot_trajectory
from vo_frontend.reports.page.run_page import RunPage, write_run_page
from vo_frontend.reports.run_folder import MAP_IMAGE_NAME, PLOT_NAME, REPORT_NAME
from vo_frontend.session.display import Display, SegmentReport, travelled

log = logging.getLogger(__name__)


def write_pictures(folder: Path, display: Display, page_of: Callable[[PlottedPath], RunPage]) -> None:
    """Write ``errors.csv``, ``trajectory.png``, ``map.png`` and ``report.html`` of a run.

    What cannot be drawn is named in the log and left out: the figures of the run are safe by then, and
    must not be lost with a picture.
    """
    if display.segments:
        _attempt(folder / ERRORS_NAME, lambda path: _write_errors(path, display.segments))
        _attempt(folder / PLOT_NAME, lambda path: plot_trajectory(path, display.path()))
        _attempt(folder / MAP_IMAGE_NAME, lambda path: plot_map(path, display.map()))
    _attempt(folder / REPORT_NAME, lambda path: write_run_page(path, page_of(display.path())))


def _attempt(path: Path, write: Callable[[Path], None]) -> None:
    try:
        write(path)
    except VoError as error:
        log.warning("%s", error)
    except Exception as error:  # a picture that fails, in us or in a library, must cost nothing but itself
        log.warning("%s: not written (%s: %s)", path, type(error).__name__, error)
        log.debug("%s", path, exc_info=True)


def _write_errors(path: Path, segments: Sequence[SegmentReport]) -> None:
    found = []
    for segment in segments:
        series = segment.evaluation.series if segment.evaluation else None
        if series is None or series.position_errors_m is None:
            continue
        found.append(
            PoseErrors(
                segment.segment_id,
                series.timestamps_ns,
                travelled(series.T_world_cam_gt[:, :3, 3]),
                series.position_errors_m,
                np.concatenate([[0.0], series.rotation_errors_deg]),
            )
        )
    if found:
        write_errors(path, found)
