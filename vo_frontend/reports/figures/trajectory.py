"""``trajectory.png``: the path from above, its height and, where there is ground truth, its errors."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend import palette
from vo_frontend.reports.figures.canvas import new_figure, save_png, style
from vo_frontend.reports.figures.path import PlottedPath, spell_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_NAMED_SEGMENTS = 5  # in the legend
MAX_MARKED_LOSSES = 30  # more would hide the path
LEVEL = 0.02  # of the extent from above: the least range of heights that is shown


def plot_trajectory(path: Path, plotted: PlottedPath) -> None:
    """Draw a path from above, its height and its errors where they are known, and save the picture.

    Raises:
        OutputError: the picture cannot be written.
    """
    save_png(trajectory_figure(plotted), path)


def trajectory_figure(plotted: PlottedPath, *, with_errors: bool = True) -> "Figure":
    """Draw a path from above beside its height and, where they are known, its errors over time."""
    with style():
        over_time = [_draw_height]
        if with_errors and plotted.has_errors:
            over_time += [draw_position_errors, draw_rotation_errors]
        figure = new_figure(12.5, 5.6)
        grid = figure.add_gridspec(len(over_time), 2, width_ratios=(1, 1.05))
        draw_from_above(figure.add_subplot(grid[:, 0]), plotted)
        shared = None
        for row, draw in enumerate(over_time):
            shared = axes = figure.add_subplot(grid[row, 1], sharex=shared)
            draw(axes, plotted)
            draw_losses_over_time(axes, plotted)
            axes.tick_params(labelbottom=row == len(over_time) - 1)
        if shared is not None:
            shared.set_xlabel("time [s]")
        return figure


def draw_from_above(axes: Any, plotted: PlottedPath) -> None:
    """Draw a path from above, forward up."""
    if plotted.positions_gt is not None and len(plotted.positions_gt):
        x, z = _from_above(plotted, plotted.positions_gt)
        axes.plot(x, z, color=palette.GROUND_TRUTH, linewidth=6, label="ground truth")
    for number, positions in enumerate(plotted.online):
        label = "as told frame by frame" if number == 0 else None
        axes.plot(*_from_above(plotted, positions), ":", color=palette.VERMILION, linewidth=1.4, label=label)
    for number, segment in enumerate(plotted.segments):
        x, z = _from_above(plotted, plotted.line(segment, segment.positions_world))
        name = "estimate" if len(plotted.segments) == 1 else f"estimate, segment {number + 1}"
        label = name if number < MAX_NAMED_SEGMENTS else None
        axes.plot(x, z, color=palette.series_color(number), linewidth=1.8, label=label)
    _draw_loops(axes, plotted)
    _mark_losses(axes, plotted)
    starts = [each.positions_world[:1] for each in plotted.segments if len(each.positions_world)]
    if starts:
        axes.plot(*_from_above(plotted, starts[0]), "o", color=palette.BLACK, markersize=6, label="start")
    unit = spell_unit(plotted.unit)
    axes.set(title=plotted.title, xlabel=f"right [{unit}]", ylabel=f"forward [{unit}]")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")


def draw_losses_over_time(axes: Any, plotted: PlottedPath) -> None:
    """Shade the stretches of time without a pose."""
    for loss in plotted.losses:
        start_s, end_s = loss.start_s - plotted.start_s, loss.end_s - plotted.start_s
        axes.axvspan(start_s, max(end_s, start_s), color=palette.LOST, alpha=0.2, linewidth=1)


def _from_above(plotted: PlottedPath, positions: NDArray[np.float64]) -> tuple[Any, Any]:
    in_view = plotted.in_view(positions)
    return in_view[:, 0], in_view[:, 2]


def _draw_loops(axes: Any, plotted: PlottedPath) -> None:
    """Join old and new keyframes: where the new one was before the correction, and where it is."""
    if plotted.loops is None or not len(plotted.loops):
        return
    gap = np.full((len(plotted.loops), 1, 3), np.nan)  # between one loop and the next
    styles = (1, "--", palette.PURPLE, "loop, before"), (2, "-", palette.BLACK, "loop, corrected")
    for end, line, color, label in styles:
        edges = np.concatenate([plotted.loops[:, [0, end]], gap], axis=1).reshape(-1, 3)
        x, z = _from_above(plotted, edges)
        axes.plot(x, z, line, marker=".", color=color, linewidth=1, zorder=3, label=label)


def _mark_losses(axes: Any, plotted: PlottedPath) -> None:
    """Mark where poses were lost and where they begin again."""
    label: str | None = "no pose"
    longest = sorted(plotted.losses, key=lambda loss: loss.start_s - loss.end_s)[:MAX_MARKED_LOSSES]
    for loss in longest:
        ends = plotted.around(loss)
        if ends is None:
            continue
        x, z = _from_above(plotted, ends)
        axes.plot(x, z, ":", color=palette.LOST, linewidth=1.2, zorder=4)
        axes.plot(x[:1], z[:1], "x", color=palette.LOST, markersize=7, zorder=5, label=label and "lost")
        axes.plot(
            x[1:], z[1:], "^", color=palette.LOST, markersize=6, zorder=5, label=label and "placed again"
        )
        label = None


def _draw_height(axes: Any, plotted: PlottedPath) -> None:
    if plotted.positions_gt is not None and plotted.times_gt_s is not None:
        heights = -plotted.in_view(plotted.positions_gt)[:, 1]
        axes.plot(plotted.times_gt_s - plotted.start_s, heights, color=palette.GROUND_TRUTH, linewidth=5)
    for number, segment in enumerate(plotted.segments):
        heights = -plotted.in_view(segment.positions_world)[:, 1]
        _draw_over_time(axes, plotted, number, heights)
    axes.set(title="height above the first camera", ylabel=plotted.unit)
    _show_at_least(axes, plotted)


def _draw_over_time(axes: Any, plotted: PlottedPath, number: int, values: NDArray[np.float64]) -> None:
    """Draw values (N,) of the poses of the n-th segment."""
    segment = plotted.segments[number]
    times_s = plotted.line(segment, segment.times_s) - plotted.start_s
    axes.plot(times_s, plotted.line(segment, values), color=palette.series_color(number))


def _show_at_least(axes: Any, plotted: PlottedPath) -> None:
    """Keep the noise of a level path from filling the axes."""
    positions = [segment.positions_world for segment in plotted.segments if len(segment.positions_world)]
    if not positions:
        return
    extent = float(np.ptp(np.concatenate(positions), axis=0).max())
    low, high = axes.get_ylim()
    missing = LEVEL * extent - (high - low)
    if missing > 0:
        axes.set_ylim(low - missing / 2, high + missing / 2)


def draw_position_errors(axes: Any, plotted: PlottedPath) -> None:
    """Draw the position error of each pose over time."""
    for number, segment in enumerate(plotted.segments):
        if segment.position_errors_m is not None:
            _draw_over_time(axes, plotted, number, segment.position_errors_m)
    axes.set(title="position error after alignment", ylabel="m")
    axes.set_ylim(bottom=0)


def draw_rotation_errors(axes: Any, plotted: PlottedPath) -> None:
    """Draw the error of the rotation from one frame to the next over time."""
    for number, segment in enumerate(plotted.segments):
        if segment.rotation_errors_deg is not None:
            times_s = segment.times_s[1:] - plotted.start_s
            axes.plot(times_s, segment.rotation_errors_deg, color=palette.series_color(number), linewidth=1)
    axes.set(title="rotation error per frame", ylabel="deg")
    axes.set_ylim(bottom=0)
