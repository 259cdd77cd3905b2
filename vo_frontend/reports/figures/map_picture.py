"""``map.png``: the map from above, forward up, with axes and a scale bar. Needs no graphics stack."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend import palette
from vo_frontend.reports.figures.canvas import new_figure, save_png, style
from vo_frontend.reports.figures.path import MAP_UNITS, Points, spell_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_POINTS = 150_000  # drawn; more are thinned evenly
CLOUD_PERCENTILES = 3.0, 97.0  # of the points, per axis, that must be in view
REACH = 0.5  # of the size of the path, or ...
MIN_REACH = 2.0  # ... median distances of points from it, that the picture goes beyond the path
MAX_KEYFRAMES = 40  # drawn, spread evenly along the path
BACKGROUND = "#15171a"  # dark, because the colours of points come from photographs
INK = "#d5d8dc"
LIFT = 0.15  # by which black points are lighter than black


@dataclass(frozen=True, slots=True, eq=False)
class PlottedMap:
    """Holds a map for drawing, all of it in the world of its first camera."""

    title: str
    points: NDArray[np.float32]  # (N, 3)
    colors: NDArray[np.uint8]  # (N, 3) RGB
    paths: Sequence[Points]  # (M_i, 3) per segment, NaN where poses are missing in between
    T_world_keyframes: NDArray[np.float64]  # (K, 4, 4)
    positions_gt: Points | None
    loops: NDArray[np.float64]  # (L, 3, 3) old keyframe, new one before its correction, and now
    point_distance: float  # median, from the path
    unit: str = MAP_UNITS


def plot_map(path: Path, plotted: PlottedMap) -> None:
    """Draw a map and save the picture.

    Raises:
        OutputError: the picture cannot be written.
    """
    save_png(map_figure(plotted), path)


def map_figure(plotted: PlottedMap) -> "Figure":
    """Draw a map from above: x right, z forward and up in the picture."""
    low, high = _frame(plotted)
    width, height = high - low
    with style():
        figure = new_figure(*_size_in(width / height))
        figure.set_facecolor(BACKGROUND)
        axes = figure.add_subplot()
        _darken(axes)
        _draw_points(axes, plotted, low, high)
        size = 0.012 * float(np.hypot(width, height))
        _draw_keyframes(axes, plotted, size)
        _draw_paths(axes, plotted)
        unit = spell_unit(plotted.unit)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        axes.set(xlabel=f"right [{unit}]", ylabel=f"forward [{unit}]")
        axes.set_title(plotted.title, color=INK)
        _draw_scale_bar(axes, low, high, plotted.unit)
        axes.legend(loc="upper right", facecolor=BACKGROUND, labelcolor=INK, framealpha=0.8, markerscale=1.5)
        return figure


def _frame(plotted: PlottedMap) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners (2,) of what must be in view, from above: all paths and most points near them."""
    truth = [] if plotted.positions_gt is None else [plotted.positions_gt]
    on_paths = np.concatenate([*plotted.paths, *truth])[:, [0, 2]]
    low, high = np.nanmin(on_paths, axis=0), np.nanmax(on_paths, axis=0)
    reach = max(REACH * float((high - low).max()), MIN_REACH * plotted.point_distance, 1e-3)
    if len(plotted.points):
        cloud_low, cloud_high = np.percentile(plotted.points[:, [0, 2]], CLOUD_PERCENTILES, axis=0)
        low, high = np.clip(cloud_low, low - reach, low), np.clip(cloud_high, high, high + reach)
    margin = 0.04 * float((high - low).max()) + 1e-3
    return low - margin, high + margin


def _size_in(aspect: float) -> tuple[float, float]:
    """Return a page size in inches for a map of width over height: neither a ribbon nor a tower."""
    area = 75.0
    aspect = float(np.clip(aspect, 0.6, 2.2))
    return float(np.sqrt(area * aspect)), float(np.sqrt(area / aspect))


def _darken(axes: Any) -> None:
    axes.set_facecolor(BACKGROUND)
    axes.tick_params(colors=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.grid(color=INK, alpha=0.12)


def _draw_points(axes: Any, plotted: PlottedMap, low: Any, high: Any) -> None:
    x, z = plotted.points[:, 0], plotted.points[:, 2]
    inside = np.flatnonzero((x >= low[0]) & (x <= high[0]) & (z >= low[1]) & (z <= high[1]))
    shown = inside[:: 1 + len(inside) // MAX_POINTS]
    shown = shown[np.argsort(-plotted.points[shown, 1])]  # the highest are drawn last
    colors = LIFT + (1 - LIFT) / 255 * plotted.colors[shown]
    size = float(np.clip(2e5 / max(len(shown), 1), 1.2, 7.0))
    axes.scatter(x[shown], z[shown], s=size, c=colors, linewidths=0, rasterized=True)


def _draw_keyframes(axes: Any, plotted: PlottedMap, size: float) -> None:
    """Draw a few keyframes as small wedges that open forward."""
    poses = _apart(plotted.T_world_keyframes, 1.5 * size)
    poses = poses[:: 1 + len(poses) // MAX_KEYFRAMES]
    if not len(poses):
        return
    wedge = size * np.array([[-0.6, 0, 1, 1], [0, 0, 0, 1], [0.6, 0, 1, 1]]) / [1, 1, 1, size]
    corners = np.einsum("kij,nj->kni", poses, wedge)
    corners = np.concatenate([corners, np.full((len(poses), 1, 4), np.nan)], axis=1).reshape(-1, 4)
    axes.plot(corners[:, 0], corners[:, 2], color=palette.SKY_BLUE, linewidth=1, label="keyframes (some)")


def _apart(poses: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Leave out poses (K, 4, 4) that are closer than ``least`` to the last one that stays."""
    kept: list[int] = []
    for number, position in enumerate(poses[:, :3, 3]):
        if not kept or np.linalg.norm(position - poses[kept[-1], :3, 3]) >= least:
            kept.append(number)
    return poses[kept]


def _draw_paths(axes: Any, plotted: PlottedMap) -> None:
    if plotted.positions_gt is not None and len(plotted.positions_gt):
        x, _, z = plotted.positions_gt.T
        axes.plot(x, z, color=palette.GREEN, linewidth=5, alpha=0.75, label="ground truth")
    colors = palette.ORANGE, palette.PURPLE, palette.YELLOW, palette.VERMILION
    for number, path in enumerate(plotted.paths):
        name = "path" if len(plotted.paths) == 1 else f"path, segment {number + 1}"
        label = name if number < len(colors) else None
        axes.plot(path[:, 0], path[:, 2], color=colors[number % len(colors)], linewidth=1.8, label=label)
    for end, line, label in ((1, "--", "loop, before"), (2, "-", "loop, corrected")):
        for edge in plotted.loops[:, [0, end]]:
            axes.plot(edge[:, 0], edge[:, 2], line, color=palette.PURPLE, linewidth=1, label=label)
            label = None
    if plotted.paths and len(plotted.paths[0]):
        start = plotted.paths[0][0]
        axes.plot(start[0], start[2], "o", color="white", markersize=5, linestyle="none", label="start")


def _draw_scale_bar(axes: Any, low: Any, high: Any, unit: str) -> None:
    """Draw a bar of a round length at the lower left."""
    length = _round_length(0.22 * float(high[0] - low[0]))
    x, z = low + 0.04 * (high - low)
    axes.plot([x, x + length], [z, z], color="white", linewidth=3, solid_capstyle="butt")
    text = "1 map unit" if length == 1 and unit == MAP_UNITS else f"{length:g} {unit}"
    box = {"facecolor": BACKGROUND, "edgecolor": "none", "alpha": 0.8, "pad": 2}
    axes.annotate(
        text, (x, z), xytext=(2, 7), textcoords="offset points", color="white", fontsize=10, bbox=box
    )


def _round_length(about: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at most ``about``."""
    power = 10.0 ** np.floor(np.log10(about))
    return float(max(step for step in (1, 2, 5) if step * power <= about) * power)
