"""From runs to tables, a JSON file and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vo_frontend.experiments.ablation.bounds import REQUIRED, Bound, judge
from vo_frontend.experiments.ablation.pareto import CostPoint
from vo_frontend.experiments.ablation.pictures import Pictures, pareto_path
from vo_frontend.experiments.ablation.plan import Case, Table
from vo_frontend.experiments.ablation.plots import Ablation, AblationPoint
from vo_frontend.experiments.ablation.scores import ScoredRun
from vo_frontend.experiments.ablation.sequences import SensorSequence
from vo_frontend.experiments.setting import describe_setting
from vo_frontend.experiments.tables import Section, Setting

METRICS = {
    "ate_m": "ATE rmse [m]",
    "rotation_deg": "rotation error per frame, mean [deg]",
    "final_position_percent": "final position error [% of the path]",
    "final_heading_deg": "final heading error [deg]",
    "scale_error_percent": "scale error [%]",
    "scale_drift": "scale drift, end over start",
    "segments": "segments",
    "unreported_segments": "segments that the trajectory lacks",
    "tracked_percent": "frames tracked [%]",
    "usable_tracked_percent": "usable frames tracked [%]",
    "reach_m": "farthest from the first position [m]",
    "t_rel_percent": "t_rel [%]",
    "r_rel_deg_per_100m": "r_rel [deg/100 m]",
    "ate_over_clean": "ATE rmse / without faults",
}
DRAWN = {  # quantity, is it a number
    "features": ("features", False),
    "budget": ("keypoints", True),
    "resolution": ("image size of the features", True),
}
KINDS = {"presets": "presets", **{key: quantity for key, (quantity, _) in DRAWN.items()}}  # of points

Runs = Mapping[Case, Sequence[ScoredRun]]


@dataclass(frozen=True, slots=True)
class _BoundRow:
    sequence: str
    sensor: str
    error: str
    median: str
    worst: str
    must: str
    met: str


@dataclass(frozen=True, slots=True)
class _AblationRow:
    """Medians over seeds; ``ate_worst_m`` is the largest."""

    sequence: str
    sensor: str
    variant: str
    seeds: int
    ate_m: float | None
    ate_worst_m: float | None
    rotation_deg: float | None
    tracked_percent: float | None
    segments: float | None
    frames_per_second: float | None
    core_ms_per_frame: float | None


def describe(arguments: Sequence[str], *, is_part: bool) -> Setting:
    """Note command, machine, versions and load."""
    warning = "only the first frames of each sequence: the bounds are for whole sequences"
    return describe_setting(
        ["vo-frontend", "ablate", *arguments],
        if_busy="frames/s are too low",
        warnings=[warning] if is_part else [],
    )


def sections(tables: Sequence[Table], runs: Runs, picture: Path) -> list[Section]:
    """Make tables of everything that was run; the last one that ``picture`` draws refers to it."""
    found = []
    for table in tables:
        if table.key == "accuracy" and (bounds := _bound_rows(table, runs)):
            found.append(Section("bounds", "Accuracy that is asked for", bounds))
        rows = [
            _ablation_row(label, case.sequence, runs[case][: table.max_seeds]) for label, case in table.cases
        ]
        found.append(Section(table.key, table.title, rows))
    last_drawn = next((section.key for section in reversed(found) if section.key in DRAWN), None)
    shown = {last_drawn: picture, "presets": pareto_path(picture)}
    return [replace(section, picture=shown.get(section.key)) for section in found]


def pictures(tables: Sequence[Table], runs: Runs) -> Pictures:
    """Collect what the pictures show: ablations, and with presets what accuracy costs."""
    ablations = [Ablation(*DRAWN[table.key], _points(table, runs)) for table in tables if table.key in DRAWN]
    has_presets = any(table.key == "presets" for table in tables)
    return Pictures(ablations, _cost_points(tables, runs) if has_presets else ())


def as_mapping(setting: Setting, tables: Sequence[Section], drawn: Pictures, runs: Runs) -> dict[str, Any]:
    """Turn everything into plain nested values for JSON: the tables, the pictures, and every single run."""
    singles = [
        {**asdict(run), "frames_per_second": run.frames_per_second} for own in runs.values() for run in own
    ]
    return {
        **asdict(setting),
        **{section.key: [asdict(row) for row in section.rows] for section in tables},
        "pictures": drawn.as_mapping(),
        "runs": singles,
    }


def _bound_rows(table: Table, runs: Runs) -> list[_BoundRow]:
    return [
        _bound_row(case.sequence, bound, runs[case])
        for _, case in table.cases
        for bound in REQUIRED.get(case.sequence, ())
    ]


def _bound_row(sequence: SensorSequence, bound: Bound, runs: Sequence[ScoredRun]) -> _BoundRow:
    verdict = judge(bound, [getattr(run, bound.metric) for run in runs])
    return _BoundRow(
        sequence.name,
        sequence.sensor.value,
        METRICS[bound.metric],
        _number(verdict.median),
        _number(verdict.worst),
        "" if bound.limit is None else f"{'<=' if bound.at_most else '>='} {bound.limit:g}",
        verdict.met,
    )


def _ablation_row(label: str, sequence: SensorSequence, runs: Sequence[ScoredRun]) -> _AblationRow:
    return _AblationRow(
        sequence.name,
        sequence.sensor.value,
        label,
        len(runs),
        ate_m=_median(runs, "ate_m"),
        ate_worst_m=_finite(max(_values(runs, "ate_m"))),
        rotation_deg=_median(runs, "rotation_deg"),
        tracked_percent=_median(runs, "tracked_percent"),
        segments=_median(runs, "segments"),
        frames_per_second=_median(runs, "frames_per_second"),
        core_ms_per_frame=_median(runs, "core_ms"),
    )


def _cost_points(tables: Sequence[Table], runs: Runs) -> list[CostPoint]:
    by_key = {table.key: table for table in tables}
    points = []
    for table in (by_key[key] for key in KINDS if key in by_key):
        for label, case in table.cases:
            own = runs[case][: table.max_seeds]
            core_ms, ate_m = (float(np.median(_values(own, metric))) for metric in ("core_ms", "ate_m"))
            ate_m = ate_m if np.isfinite(ate_m) else np.nan
            points.append(CostPoint(case.sequence, KINDS[table.key], label, core_ms, ate_m))
    return points


def _points(table: Table, runs: Runs) -> list[AblationPoint]:
    points = []
    for label, case in table.cases:
        own = runs[case][: table.max_seeds]
        ate_percent = float(np.median([_ate_percent(run) for run in own]))
        core_ms = float(np.median([run.core_ms for run in own]))
        points.append(AblationPoint(case.sequence.label, label, ate_percent, core_ms))
    return points


def _ate_percent(run: ScoredRun) -> float:
    return 100 * run.ate_m / run.path_length_m if run.ate_m and run.path_length_m else np.nan


def _values(runs: Sequence[ScoredRun], metric: str) -> list[float]:
    """List the values of a metric; a run without one counts as infinitely bad."""
    values = [getattr(run, metric) for run in runs]
    return [np.inf if value is None else float(value) for value in values]


def _median(runs: Sequence[ScoredRun], metric: str) -> float | None:
    return _finite(float(np.median(_values(runs, metric))))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _number(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "n/a"
