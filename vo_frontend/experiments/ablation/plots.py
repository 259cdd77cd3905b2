"""A picture of ablations: error and processor time against the keypoint budget, and against features."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vo_frontend import palette
from vo_frontend.errors import OutputError

DPI = 120
ROW_HEIGHT_IN = 3.5
SPREAD = 0.4  # of the distance between two names: sequences side by side, not on top of each other


@dataclass(frozen=True, slots=True)
class AblationPoint:
    """One variant on one sequence, medians over seeds; NaN where there is none."""

    sequence: str
    variant: str
    ate_percent: float  # rmse, of the path length
    core_ms: float  # per frame


@dataclass(frozen=True, slots=True)
class Ablation:
    """What two panels show: error and processor time."""

    quantity: str  # below the x axis
    is_number: bool  # variants are numbers, to be joined by lines; else names
    points: Sequence[AblationPoint]


def plot_ablations(path: Path, ablations: Sequence[Ablation]) -> None:
    """Draw one row of panels each; a colour means the same sequence in all of them.

    Raises:
        OutputError: the picture cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 0.5 + ROW_HEIGHT_IN * len(ablations)), layout="constrained")
    FigureCanvasAgg(figure)
    sequences = list(dict.fromkeys(point.sequence for ablation in ablations for point in ablation.points))
    all_axes = figure.subplots(len(ablations), 2, squeeze=False)
    for (error_axes, cost_axes), ablation in zip(all_axes, ablations, strict=True):
        _draw(error_axes, ablation, sequences, [point.ate_percent for point in ablation.points])
        _draw(cost_axes, ablation, sequences, [point.core_ms for point in ablation.points])
        error_axes.set_ylabel("ATE rmse [% of the path]")
        if any(math.isfinite(point.ate_percent) for point in ablation.points):
            _use_log_scale(error_axes)
        cost_axes.set(ylabel="processor time per frame [core-ms]", ylim=(0, None))
    handles, labels = all_axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=9)
    try:
        figure.savefig(path, dpi=DPI, format="png")
    except OSError as error:
        raise OutputError(f"{path}: cannot write the picture ({error.strerror})") from None


def _draw(axes: Any, ablation: Ablation, sequences: Sequence[str], heights: Sequence[float]) -> None:
    names = list(dict.fromkeys(point.variant for point in ablation.points))
    for number, sequence in enumerate(sequences):
        shift = SPREAD * ((number + 0.5) / len(sequences) - 0.5)
        drawn = [
            (float(point.variant) if ablation.is_number else names.index(point.variant) + shift, height)
            for point, height in zip(ablation.points, heights, strict=True)
            if point.sequence == sequence
        ]
        x, y = zip(*drawn, strict=True) if drawn else ((), ())
        axes.plot(
            x, y, "o-" if ablation.is_number else "o", color=palette.series_color(number), label=sequence
        )
    axes.set_xlabel(ablation.quantity)
    if ablation.is_number:
        axes.set_xlim(left=0)
    else:
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(names) - 0.5)
    axes.grid(alpha=0.3, which="both")


def _use_log_scale(axes: Any) -> None:
    """With plain numbers, several in each decade."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
