"""A picture of what things cost: processor time above, memory below, over one quantity in each column."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vo_frontend import palette
from vo_frontend.reports.figures.canvas import new_figure, save_png, style

COLUMN_INCHES, HEIGHT_INCHES = 4.0, 6.5
MANY = 4  # curves
LEGEND_FACTOR, LEGEND_DECADES = 1.3, 2  # of room above the curves, on either kind of axis


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (quantity, cost), the quantity ascending."""

    label: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Column:
    """Two sets of curves over one quantity."""

    quantity: str
    upper_unit: str
    upper: Sequence[Curve]
    memory_mb: Sequence[Curve]
    is_logarithmic: bool = False  # the upper axes


def plot_costs(path: Path, title: str, columns: Sequence[Column]) -> None:
    """Draw the columns side by side. Axes that are not logarithmic start at 0.

    Raises:
        OutputError: the picture cannot be written.
    """
    figure = new_figure(COLUMN_INCHES * len(columns), HEIGHT_INCHES)
    with style():
        axes = figure.subplots(2, len(columns), squeeze=False)
        for column, (upper, lower) in zip(columns, axes.T, strict=True):
            _draw(upper, column.upper, column.upper_unit, column.is_logarithmic)
            _draw(lower, column.memory_mb, "MB", False)
            lower.set_xlabel(column.quantity)
        figure.suptitle(title, fontsize=10)
    save_png(figure, path)


def _draw(axes: Any, curves: Sequence[Curve], unit: str, is_logarithmic: bool) -> None:
    for number, curve in enumerate(curves):
        axes.plot(
            *zip(*curve.points, strict=True), "o-", color=palette.series_color(number), label=curve.label
        )
    axes.set_ylabel(unit)
    if is_logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(top=10**LEGEND_DECADES * axes.get_ylim()[1])
    else:
        axes.set_xlim(left=0)
        axes.set_ylim(0, LEGEND_FACTOR * axes.get_ylim()[1])
    axes.legend(loc="upper left", ncols=1 if len(curves) < MANY else 2)
