"""Draw the errors of a trajectory: top view and errors over time."""

import logging
from pathlib import Path

import numpy as np

from vo_frontend.evaluation import Evaluation
from vo_frontend.reports.figures.path import METRES, PlottedPath, PlottedSegment
from vo_frontend.reports.figures.trajectory import plot_trajectory
from vo_frontend.types import Trajectory

log = logging.getLogger(__name__)


def plot_errors(path: Path, title: str, evaluation: Evaluation, ground_truth: Trajectory) -> None:
    """Draw an evaluation, with the ground truth of the same time.

    Raises:
        OutputError: the picture cannot be written.
    """
    series = evaluation.series
    if series is None or series.position_errors_m is None:
        log.warning("%s: not drawn, there is no alignment", path)
        return
    segment = PlottedSegment(
        positions_world=series.T_world_cam[:, :3, 3],
        times_s=np.asarray(series.timestamps_ns * 1e-9),
        position_errors_m=series.position_errors_m,
        rotation_errors_deg=series.rotation_errors_deg,
    )
    is_inside = (ground_truth.timestamps_ns >= series.timestamps_ns[0]) & (
        ground_truth.timestamps_ns <= series.timestamps_ns[-1]
    )
    plotted = PlottedPath(
        title,
        [segment],
        positions_gt=ground_truth.positions_world[is_inside],
        times_gt_s=np.asarray(ground_truth.timestamps_ns[is_inside] * 1e-9),
        T_world_view=series.T_world_cam_gt[0],
        unit=METRES,
    )
    plot_trajectory(path, plotted)
