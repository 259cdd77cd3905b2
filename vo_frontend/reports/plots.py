"""``trajectory.png``: the path from above, and the errors over time where there is ground truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import OutputError
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

GROUND_TRUTH_COLOR = "0.78"  # a wide pale band, so that an estimate on top of it leaves it visible
LOOP_BEFORE_COLOR, LOOP_COLOR = "C3", "black"
DPI = 120


@dataclass(frozen=True, slots=True, eq=False)
class PlottedSegment:
    """Holds one segment of the estimate, in the world that all plotted things share."""

    positions_world: NDArray[np.float64]  # (N, 3) in ``unit`` of the picture
    times_s: NDArray[np.float64]  # (N,)
    position_errors_m: NDArray[np.float64] | None = None  # (N,)
    rotation_errors_deg: NDArray[np.float64] | None = None  # (N - 1,) per frame, entry i at time i + 1


def plot_trajectory(
    path: Path,
    title: str,
    segments: Sequence[PlottedSegment],
    *,
    positions_gt: NDArray[np.float64] | None = None,
    loops: NDArray[np.float64] | None = None,
    T_world_view: Transform | None = None,
    unit: str = "",
) -> None:
    """Draw the path from above, and its errors where they are known, and save the picture.

    Args:
        path: the PNG to write.
        title: above the top view.
        segments: of the estimate; each with errors if there is ground truth.
        positions_gt: (M, 3) ground truth in the same world.
        loops: (L, 3, 3) in the same world: old keyframe, new one before its correction, and now.
        T_world_view: (4, 4) pose of the first camera, whose x-z plane is drawn. None: identity.
        unit: of positions, "m" where that is true.

    Raises:
        OutputError: the picture cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    has_errors = any(segment.rotation_errors_deg is not None for segment in segments)
    figure = Figure(figsize=(12, 5) if has_errors else (6.5, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    view = _View(np.eye(4) if T_world_view is None else T_world_view, unit)
    if has_errors:
        grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.1))
        top = figure.add_subplot(grid[:, 0])
        _draw_errors(figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1]), segments)
    else:
        top = figure.add_subplot()
    if loops is not None and len(loops):
        view.draw_loops(top, loops)
    view.draw(top, title, segments, positions_gt)
    try:
        figure.savefig(path, dpi=DPI, format="png")
    except OSError as error:
        raise OutputError(f"{path}: cannot write the picture ({error.strerror})") from None


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    T_world_view: Transform
    unit: str

    def draw(
        self,
        axes: Any,
        title: str,
        segments: Sequence[PlottedSegment],
        positions_gt: NDArray[np.float64] | None,
    ) -> None:
        if positions_gt is not None and len(positions_gt):
            x, z = self._project(positions_gt)
            axes.plot(x, z, color=GROUND_TRUTH_COLOR, linewidth=6, label="ground truth")
        for number, segment in enumerate(segments):
            x, z = self._project(segment.positions_world)
            label = "estimate" if len(segments) == 1 else f"estimate, segment {number + 1}"
            axes.plot(x, z, color=f"C{number % 10}", linewidth=1.8, label=label if number < 6 else None)
        starts = [segment.positions_world[:1] for segment in segments if len(segment.positions_world)]
        if starts:
            axes.plot(*self._project(starts[0]), "o", color="black", markersize=6, label="start")
        bracket = f" [{self.unit}]" if self.unit else ""
        axes.set(title=title, xlabel=f"x, right{bracket}", ylabel=f"z, forward{bracket}")
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.08)
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="best", fontsize=9)

    def draw_loops(self, axes: Any, loops: NDArray[np.float64]) -> None:
        """Join old and new keyframes: where the new one was before the correction, and where it is."""
        styles = ((1, "--", LOOP_BEFORE_COLOR, "loop, before"), (2, "-", LOOP_COLOR, "loop, corrected"))
        gap = np.full((len(loops), 1, 3), np.nan)  # between one loop and the next
        for end, style, color, label in styles:
            x, z = self._project(np.concatenate([loops[:, [0, end]], gap], axis=1).reshape(-1, 3))
            axes.plot(x, z, style, marker=".", color=color, linewidth=1, zorder=3, label=label)

    def _project(self, positions_world: NDArray[np.float64]) -> tuple[Any, Any]:
        points_view = se3.transform_points(se3.inverse(self.T_world_view), positions_world)
        return points_view[:, 0], points_view[:, 2]


def _draw_errors(position_axes: Any, rotation_axes: Any, segments: Sequence[PlottedSegment]) -> None:
    start_s = min((segment.times_s[0] for segment in segments if len(segment.times_s)), default=0.0)
    for number, segment in enumerate(segments):
        color, times_s = f"C{number % 10}", segment.times_s - start_s
        if segment.position_errors_m is not None:
            position_axes.plot(times_s, segment.position_errors_m, color=color)
        if segment.rotation_errors_deg is not None:
            rotation_axes.plot(times_s[1:], segment.rotation_errors_deg, color=color)
    position_axes.set(title="position error after alignment", ylabel="m")
    rotation_axes.set(title="rotation error per frame", xlabel="time [s]", ylabel="deg")
    for axes in (position_axes, rotation_axes):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
