"""Pictures of how features compare: accuracy over thresholds, and bars of relative-pose AUC."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vo_frontend import palette
from vo_frontend.errors import OutputError

DPI = 120
MIN_GROUP_WIDTH_IN = 1.6  # for the name of a sequence below it
LINES, HATCHES = ("-", "--", ":", "-."), (None, "//", "xx", "..")  # for each round through the colours
BAR_GROUP_WIDTH = 0.85  # of the distance between two groups


@dataclass(frozen=True, slots=True)
class AccuracyCurve:
    """Share in [0, 1] at each threshold."""

    label: str
    thresholds_px: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AccuracyPanel:
    """One set of axes."""

    title: str
    curves: tuple[AccuracyCurve, ...]


@dataclass(frozen=True, slots=True)
class AucBars:
    """Nested bars of one extractor on one sequence: AUC in [0, 1] at ascending thresholds."""

    label: str
    group: str
    auc: tuple[float, ...]


def plot_accuracy(path: Path, panels: Sequence[AccuracyPanel]) -> None:
    """Draw the panels side by side on one scale; a colour means the same extractor in all of them.

    Raises:
        OutputError: the picture cannot be written.
    """
    figure = _figure(width=1.5 + 3.6 * len(panels), height=4.4)
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    labels = list(dict.fromkeys(curve.label for panel in panels for curve in panel.curves))
    for axes, panel in zip(all_axes, panels, strict=True):
        for curve in panel.curves:
            number = labels.index(curve.label)
            shares_percent = 100 * np.array(curve.shares)
            axes.plot(curve.thresholds_px, shares_percent, label=curve.label, **_style(number))
        axes.set(title=panel.title, xlabel="threshold [px]", ylim=(0, 100))
        axes.grid(alpha=0.3)
    all_axes[0].set_ylabel("mean matching accuracy [%]")
    handles, names = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", fontsize=9)
    _save(figure, path)


def plot_auc(path: Path, bars: Sequence[AucBars], thresholds_deg: Sequence[float]) -> None:
    """Draw one group per sequence, one bar per extractor; the darkest part is the tightest threshold.

    Raises:
        OutputError: the picture cannot be written.
    """
    groups = list(dict.fromkeys(bar.group for bar in bars))
    labels = list(dict.fromkeys(bar.label for bar in bars))
    figure = _figure(width=2.5 + len(groups) * max(MIN_GROUP_WIDTH_IN, 0.28 * len(labels)), height=4.4)
    axes = figure.subplots()
    width = BAR_GROUP_WIDTH / len(labels)
    for bar in bars:
        number = labels.index(bar.label)
        x = groups.index(bar.group) + (number - 0.5 * (len(labels) - 1)) * width
        for step in reversed(range(len(bar.auc))):
            is_tightest = step == 0
            axes.bar(
                x,
                100 * bar.auc[step],
                width,
                color=palette.series_color(number),
                hatch=HATCHES[_round(number)],
                alpha=1.0 if is_tightest else 0.3,
                edgecolor="white",
                linewidth=0.4,
                label=bar.label if is_tightest and bar.group == groups[0] else None,
            )
    steps = ", ".join(f"{threshold_deg:g}" for threshold_deg in thresholds_deg)
    axes.set(ylim=(0, 100), ylabel="AUC [%]", title=f"relative pose, AUC at {steps} deg (dark to light)")
    axes.set_xticks(range(len(groups)), groups)
    axes.grid(alpha=0.3, axis="y")
    axes.set_axisbelow(True)
    figure.legend(loc="outside right center", fontsize=9)
    _save(figure, path)


def _style(number: int) -> dict[str, Any]:
    line = LINES[_round(number)]
    return {"color": palette.series_color(number), "linestyle": line, "marker": ".", "linewidth": 1.5}


def _round(number: int) -> int:
    return number // len(palette.SERIES) % len(LINES)


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    try:
        figure.savefig(path, dpi=DPI, format="png")
    except OSError as error:
        raise OutputError(f"{path}: cannot write the picture ({error.strerror})") from None
