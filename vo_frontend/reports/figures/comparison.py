"""``comparison.png``: the errors of several runs, and how fast and how complete they are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vo_frontend import palette
from vo_frontend.reports.comparison import RecordedRun
from vo_frontend.reports.figures.canvas import new_figure, style
from vo_frontend.reports.paired_errors import PairedErrors, longest_errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def comparison_figure(runs: Sequence[RecordedRun], paired: PairedErrors | None) -> "Figure":
    """Draw errors over the distance travelled, their differences where frames are paired, and bars.

    Raises:
        VoError: the errors of a run cannot be read.
    """
    with style():
        bars_in = 1.1 + 0.34 * len(runs)
        figure = new_figure(12.5, 3.4 + (2.6 if paired else 0) + bars_in)
        heights = [3.4, *([2.6] if paired else []), bars_in]
        grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
        errors = figure.add_subplot(grid[0, :])
        _draw_errors(errors, runs)
        if paired is not None:
            _draw_differences(figure.add_subplot(grid[1, :], sharex=errors), paired)
        _draw_poses(figure.add_subplot(grid[-1, 0]), runs)
        _draw_times(figure.add_subplot(grid[-1, 1]), runs)
        return figure


def _draw_errors(axes: Any, runs: Sequence[RecordedRun]) -> None:
    for number, run in enumerate(runs):
        found = longest_errors(run)
        if found is not None:
            color = palette.series_color(number)
            axes.plot(found.distances_m, found.position_errors_m, color=color, label=run.label)
    axes.set(title="position error after alignment", xlabel="distance travelled [m]", ylabel="m")
    axes.set_ylim(bottom=0)
    if axes.lines:
        axes.legend(loc="best")
    else:
        axes.annotate("no run has ground truth", (0.5, 0.5), xycoords="axes fraction", ha="center")


def _draw_differences(axes: Any, paired: PairedErrors) -> None:
    axes.axhline(0, color=palette.series_color(0), linewidth=1)
    for number, difference_m in enumerate(paired.differences_m[1:], start=1):
        color = palette.series_color(number)
        axes.plot(paired.distances_m, difference_m, color=color, label=paired.labels[number])
    axes.set(title=f"error minus that of {paired.labels[0]}, frame by frame: below 0 is better", ylabel="m")
    axes.set_xlabel("distance travelled [m]")


def _draw_poses(axes: Any, runs: Sequence[RecordedRun]) -> None:
    shares = [100 * run.num_poses / max(run.num_frames, 1) for run in runs]
    bars = axes.barh(_rows(runs), shares, color=_colors(runs), height=0.6)
    axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=8.5)
    axes.set(title="frames with a pose", xlabel="%", xlim=(0, 112))
    _name_rows(axes, runs)


def _draw_times(axes: Any, runs: Sequence[RecordedRun]) -> None:
    medians_ms = [run.frame_p50_ms or 0.0 for run in runs]
    bars = axes.barh(_rows(runs), medians_ms, color=_colors(runs), height=0.6)
    tails_ms = [run.frame_p95_ms or 0.0 for run in runs]
    axes.plot(tails_ms, _rows(runs), "|", color=palette.BLACK, markersize=11)
    axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=8.5)
    axes.set(title="time per frame: median, and the 95th percentile as a stroke", xlabel="ms")
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    _name_rows(axes, runs)


def _rows(runs: Sequence[RecordedRun]) -> Any:
    return np.arange(len(runs))[::-1]


def _colors(runs: Sequence[RecordedRun]) -> list[str]:
    return [palette.series_color(number) for number in range(len(runs))]


def _name_rows(axes: Any, runs: Sequence[RecordedRun]) -> None:
    axes.set(yticks=_rows(runs), yticklabels=[run.label for run in runs])
    axes.grid(visible=False, axis="y")
