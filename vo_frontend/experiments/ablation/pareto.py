"""A picture of what accuracy costs: error against processor time, a panel for each sequence and sensor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vo_frontend import palette
from vo_frontend.errors import OutputError
from vo_frontend.experiments.ablation.label_places import Label, Place, place_labels, places_around
from vo_frontend.experiments.ablation.sequences import SensorSequence
from vo_frontend.types import Sensor

DPI = 120
PANEL_IN = (5.6, 3.4)
COLUMNS = 2
LEAST_SPAN = 4.0  # largest over smallest error that a panel has room for
MARKERS = "osD^vP"


@dataclass(frozen=True, slots=True)
class CostPoint:
    """One variant on one sequence, medians over seeds."""

    sequence: SensorSequence
    kind: str  # what it varies, e.g. "features"
    variant: str
    core_ms: float  # per frame
    ate_m: float  # rmse, NaN where there is none


@dataclass(frozen=True, slots=True)
class Reference:
    """The cost of a system on the first frames of a sequence, by the processor time of its whole process."""

    name: str
    sequence: SensorSequence
    core_ms: tuple[float, float]  # per frame, from and to


# Measured one after the other on one Intel Xeon of 2.5 GHz; ours, of an older version, tells how fast it is.
REFERENCE_MACHINE = "on a 2.5 GHz Xeon"
REFERENCES = (
    Reference("ORB-SLAM3", SensorSequence("kitti/06", Sensor.MONO), (60.0, 230.0)),
    Reference("vo_frontend, older", SensorSequence("kitti/06", Sensor.MONO), (189.0, 220.0)),
    Reference("libviso2", SensorSequence("kitti/06", Sensor.STEREO), (36.0, 36.0)),
    Reference("ORB-SLAM3", SensorSequence("kitti/06", Sensor.STEREO), (145.0, 145.0)),
    Reference("vo_frontend, older", SensorSequence("kitti/06", Sensor.STEREO), (335.0, 367.0)),
)


def frontier(points: Sequence[CostPoint]) -> list[CostPoint]:
    """Return the points that no other one beats in both, the cheapest first."""
    best: list[CostPoint] = []
    for point in sorted(points, key=lambda point: (point.core_ms, point.ate_m)):
        if math.isfinite(point.ate_m) and (not best or point.ate_m < best[-1].ate_m):
            best.append(point)
    return best


def plot_pareto(path: Path, points: Sequence[CostPoint]) -> None:
    """Draw a panel for each sequence: points, the line of the best, and what peers cost where that is known.

    Raises:
        OutputError: the picture cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    sequences = list(dict.fromkeys(point.sequence for point in points))
    kinds = list(dict.fromkeys(point.kind for point in points))
    rows = math.ceil(len(sequences) / COLUMNS)
    figure = Figure(figsize=(COLUMNS * PANEL_IN[0], 0.5 + rows * PANEL_IN[1]), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    drawn = [
        (axes, sequence, [point for point in points if point.sequence == sequence])
        for axes, sequence in zip(panels, sequences, strict=False)
    ]
    for axes, sequence, own in drawn:
        _draw(axes, sequence, kinds, own)
    for axes in panels[len(sequences) :]:
        axes.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)
    figure.draw_without_rendering()  # lays the panels out
    for axes, sequence, own in drawn:
        _name(axes, sequence, own)
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise OutputError(f"{path}: cannot write the picture ({error.strerror})") from None


def _draw(axes: Any, sequence: SensorSequence, kinds: Sequence[str], points: Sequence[CostPoint]) -> None:
    best = frontier(points)
    axes.plot(
        [point.core_ms for point in best],
        [100 * point.ate_m for point in best],
        color="0.6",
        linewidth=1,
        zorder=1,
        label="no other one beats it in both",
    )
    for number, kind in enumerate(kinds):
        own = [point for point in points if point.kind == kind]
        axes.plot(
            [point.core_ms for point in own],
            [100 * point.ate_m for point in own],
            MARKERS[number % len(MARKERS)],
            color=palette.series_color(number),
            markersize=6,
            label=kind,
        )
    _mark_peers(axes, sequence)
    axes.set(title=sequence.label, xlabel="processor time per frame [core-ms]", ylabel="ATE rmse [cm]")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        _use_plain_numbers(axis)
    axes.margins(0.18, 0.15)
    _widen(axes)
    axes.grid(alpha=0.3, which="both")


def _widen(axes: Any) -> None:
    """Show at least a factor of ``LEAST_SPAN`` of errors, so that small differences look small."""
    low, high = axes.get_ylim()
    if high / low < LEAST_SPAN:
        middle = math.sqrt(low * high)
        axes.set_ylim(middle / math.sqrt(LEAST_SPAN), middle * math.sqrt(LEAST_SPAN))


def _name(axes: Any, sequence: SensorSequence, points: Sequence[CostPoint]) -> None:
    """Write the names of peers and points where they hide nothing."""
    name_of: dict[tuple[float, float], str] = {}  # the default is one of each kind
    for point in points:
        if math.isfinite(point.ate_m):
            name_of.setdefault((point.core_ms, 100 * point.ate_m), point.variant)
    peers = [_name_of_peer(axes, reference) for reference in REFERENCES if reference.sequence == sequence]
    own = [
        Label(
            axes.annotate(name, place, xytext=(0, 0), textcoords="offset points", fontsize=7.5),
            places_around(*place),
        )
        for place, name in name_of.items()
    ]
    place_labels(axes, [*peers, *own], np.array(list(name_of)).reshape(-1, 2))


def _name_of_peer(axes: Any, reference: Reference) -> Label:
    """Write a name along one of the edges of what a peer costs, rather outside than inside."""
    low, high = reference.core_ms
    places = [
        Place(edge, height, (shift_pt, 0.0), ("left" if shift_pt > 0 else "right", vertical))
        for height, vertical in ((0.98, "top"), (0.02, "bottom"))
        for edge, shift_pt in ((low, -3.0), (high, 3.0), (low, 3.0), (high, -3.0))
    ]
    artist = axes.annotate(
        f"{reference.name} {REFERENCE_MACHINE}",
        (reference.core_ms[0], 0.98),
        xytext=(0, 0),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        rotation=90,
        fontsize=7.5,
        color="0.25",
    )
    return Label(artist, places)


def _mark_peers(axes: Any, sequence: SensorSequence) -> None:
    for reference in REFERENCES:
        if reference.sequence != sequence:
            continue
        axes.axvspan(*reference.core_ms, color="0.5", alpha=0.15, linewidth=0)
        for edge in set(reference.core_ms):
            axes.axvline(edge, color="0.35", linewidth=1, linestyle=":")


def _use_plain_numbers(axis: Any) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
