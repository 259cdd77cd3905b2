"""When a bound of accuracy is met, and how its table says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vo_frontend.experiments.ablation.bounds import Bound, judge
from vo_frontend.experiments.ablation.plan import Case, Table, Variant
from vo_frontend.experiments.ablation.report import sections
from vo_frontend.experiments.ablation.scores import ScoredRun
from vo_frontend.experiments.ablation.sequences import SensorSequence
from vo_frontend.experiments.tables import format_section
from vo_frontend.types import Sensor

RUN = ScoredRun(
    sequence="street", sensor="mono", features="orb", keypoints=500, image_scale=1.0, preset="default",
    estimator="poselib", bundle_adjustment=True, seed=0, frames=10, segments=1, unreported_segments=0,
    tracked_percent=100.0, usable_tracked_percent=100.0, path_length_m=10.0, ate_m=0.1, rotation_deg=0.1,
    final_heading_deg=0.1, final_position_percent=0.1, scale_error_percent=None, scale_drift=1.0,
    t_rel_percent=1.0, r_rel_deg_per_100m=1.0, reach_m=10.0, extract_ms=30.0, track_ms=20.0, core_ms=80.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("values", "bound", "median", "worst", "met"),
    [
        ([0.1, 0.3, 0.2], Bound("ate_m", 0.3), 0.2, 0.3, "yes"),
        ([0.1, 0.4, 0.2], Bound("ate_m", 0.3), 0.2, 0.4, "median only"),
        ([0.1, None, 0.2], Bound("ate_m", 0.3), 0.2, np.inf, "median only"),
        ([0.5, 0.6, 0.4], Bound("ate_m", 0.3), 0.5, 0.6, "no"),
        ([99, 97, 100], Bound("tracked_percent", 98, at_most=False), 99, 97, "median only"),
        ([99, 98, 100], Bound("tracked_percent", 98, at_most=False), 99, 98, "yes"),
        ([99, None, 100], Bound("tracked_percent", 98, at_most=False), 99, -np.inf, "median only"),
        ([1.1, None], Bound("scale_drift", None), np.inf, np.inf, ""),
    ],
)
def test_a_bound_is_met_when_the_worst_run_keeps_it(
    values: list[float | None], bound: Bound, median: float, worst: float, met: str
) -> None:
    verdict = judge(bound, values)
    assert (verdict.median, verdict.worst, verdict.met) == (median, worst, met)


def test_a_table_of_bounds_shows_median_worst_and_verdict(tmp_path: Path) -> None:
    case = Case(SensorSequence("kitti/06", Sensor.MONO), Variant())
    runs = {case: [replace(RUN, ate_m=ate_m) for ate_m in (0.01, None, 0.02)]}
    table = Table("accuracy", "Accuracy", (("default", case),))
    bounds, _ = sections([table], runs, tmp_path / "none.png")
    cells = [cell.strip() for cell in format_section(bounds).splitlines()[4].split("|")]
    assert cells[3:-1] == ["ATE rmse [m]", "0.02", "n/a", "<= 0.04", "median only"]
