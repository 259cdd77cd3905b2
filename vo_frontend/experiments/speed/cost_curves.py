"""A picture of what an extraction costs, against the budget of keypoints and against image size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vo_frontend import palette
from vo_frontend.errors import OutputError

DPI = 120


@dataclass(frozen=True, slots=True)
class CostCurve:
    """Median times over one quantity, ascending."""

    label: str
    quantities: tuple[float, ...]
    times_ms: tuple[float, ...]


def plot_cost_curves(
    path: Path, title: str, by_budget: Sequence[CostCurve], by_megapixels: Sequence[CostCurve]
) -> None:
    """Draw both sets of curves side by side; all axes start at 0.

    Raises:
        OutputError: the picture cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _draw(left, "keypoints", by_budget)
    _draw(right, "megapixels", by_megapixels)
    left.set_ylabel("median time per image [ms]")
    figure.suptitle(title, fontsize=10)
    try:
        figure.savefig(path, dpi=DPI, format="png")
    except OSError as error:
        raise OutputError(f"{path}: cannot write the picture ({error.strerror})") from None


def _draw(axes: Any, quantity: str, curves: Sequence[CostCurve]) -> None:
    for number, curve in enumerate(curves):
        color = palette.series_color(number)
        axes.plot(curve.quantities, curve.times_ms, "o-", color=color, label=curve.label)
    axes.set_xlabel(quantity)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize=9)
