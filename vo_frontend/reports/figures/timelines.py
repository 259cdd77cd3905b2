"""What happened over the time of a run: inliers, landmarks, time per frame, errors."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend import palette
from vo_frontend.reports.figures.canvas import new_figure, style
from vo_frontend.reports.figures.path import PlottedPath
from vo_frontend.reports.figures.trajectory import (
    draw_losses_over_time,
    draw_position_errors,
    draw_rotation_errors,
)
from vo_frontend.reports.frame_table import FrameTable
from vo_frontend.reports.statistics import Percentiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_BINS = 2000  # of a long run, whose worst frame stands for the others of a bin
MAX_LABELS = 6  # reasons written into a picture
TAIL_PERCENTILE = 99.0  # of the times per frame that the axis must show: the first frames compile


def tracking_figure(table: FrameTable, plotted: PlottedPath) -> "Figure":
    """Draw inliers and landmarks over time, with the stretches without a pose and their reasons."""
    with style():
        figure = new_figure(12.5, 4.4)
        top, bottom = figure.subplots(2, 1, sharex=True)
        starts = _bins(len(table))
        times_s = table.times_s[starts] - plotted.start_s
        num_inliers = np.minimum.reduceat(table.num_inliers, starts)
        num_landmarks = table.num_landmarks[starts]
        top.fill_between(times_s, num_inliers, color=palette.BLUE, alpha=0.15, linewidth=0)
        top.plot(times_s, num_inliers, color=palette.BLUE, linewidth=1)
        top.set(title="landmarks that hold each pose (inliers)")
        bottom.plot(times_s, num_landmarks, color=palette.GREEN, linewidth=1.4, drawstyle="steps-post")
        bottom.set(title="landmarks in the local map", xlabel="time [s]")
        for axes in (top, bottom):
            axes.set_ylim(0, max(axes.get_ylim()[1], 10.0))
            axes.margins(x=0.01)
            draw_losses_over_time(axes, plotted)
        _name_losses(top, plotted)
        return figure


def latency_figure(table: FrameTable, stages_ms: Mapping[str, Percentiles]) -> "Figure":
    """Draw the time that each frame took, and the median and 95th percentile of each stage."""
    with style():
        figure = new_figure(12.5, 3.6)
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
        times_s = table.times_s - (table.times_s[0] if len(table) else 0.0)
        left.plot(times_s, table.total_ms, ".", color=palette.BLUE, markersize=3, alpha=0.6, rasterized=True)
        left.set(title="time per frame, all stages", xlabel="time [s]", ylabel="ms")
        _limit_to_most(left, table.total_ms)
        names = list(stages_ms)[::-1]
        for shift, color, label, values in (
            (0.2, palette.BLUE, "median", [stages_ms[name].p50 for name in names]),
            (-0.2, palette.ORANGE, "95th percentile", [stages_ms[name].p95 for name in names]),
        ):
            bars = right.barh(np.arange(len(names)) + shift, values, height=0.38, color=color, label=label)
            right.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
        right.set(title="stages", xlabel="ms", yticks=np.arange(len(names)), yticklabels=names)
        right.grid(visible=False, axis="y")
        right.margins(x=0.15)
        if names:
            right.legend(loc="lower right")
        return figure


def error_figure(plotted: PlottedPath) -> "Figure":
    """Draw position errors over time and over the distance travelled, and rotation errors over time."""
    with style():
        figure = new_figure(12.5, 5.2)
        grid = figure.add_gridspec(2, 2)
        over_time = figure.add_subplot(grid[0, 0])
        over_distance = figure.add_subplot(grid[0, 1], sharey=over_time)
        rotation = figure.add_subplot(grid[1, :])
        draw_position_errors(over_time, plotted)
        over_time.set_xlabel("time [s]")
        for number, segment in enumerate(plotted.segments):
            if segment.position_errors_m is not None and segment.distances_m is not None:
                color = palette.series_color(number)
                over_distance.plot(segment.distances_m, segment.position_errors_m, color=color)
        over_distance.set(title="over the distance travelled", xlabel="distance [m]")
        draw_rotation_errors(rotation, plotted)
        rotation.set_xlabel("time [s]")
        for axes in (over_time, rotation):
            draw_losses_over_time(axes, plotted)
        return figure


def _bins(num_frames: int) -> NDArray[np.int64]:
    """Return where bins of frames begin, at most ``MAX_BINS``: a picture has no room for more."""
    return np.arange(0, num_frames, 1 + (num_frames - 1) // MAX_BINS)


def _name_losses(axes: Any, plotted: PlottedPath) -> None:
    """Write reasons beside the longest losses, at the top of the axes."""
    longest = sorted(plotted.losses, key=lambda loss: loss.start_s - loss.end_s)[:MAX_LABELS]
    for number, loss in enumerate(sorted(longest, key=lambda loss: loss.start_s)):
        axes.annotate(
            loss.reason,
            (loss.start_s - plotted.start_s, 1.0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(4, -3 - 11 * (number % 3)),  # neighbours must not lie over each other
            textcoords="offset points",
            va="top",
            fontsize=8.5,
            color=palette.LOST,
        )


def _limit_to_most(axes: Any, values: NDArray[np.float64]) -> None:
    if len(values):
        top = 1.3 * float(np.percentile(values, TAIL_PERCENTILE if len(values) >= 100 else 90.0))
        num_above = int((values > top).sum())
        axes.set_ylim(0, top or 1.0)
        if num_above:
            note = f"{num_above} above, up to {values.max():.0f} ms"
            axes.annotate(note, (1, 1), xycoords="axes fraction", ha="right", va="top", fontsize=8.5)
