"""The accuracy that is asked for, and whether runs have it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vo_frontend.experiments.ablation.sequences import FAULTY_STREET, SHORT_STREET, SensorSequence
from vo_frontend.simulation import STREET
from vo_frontend.types import Sensor


@dataclass(frozen=True, slots=True)
class Bound:
    """What a result must keep, by the name of a field of :class:`scores.ScoredRun`."""

    metric: str
    limit: float | None  # None: only reported
    at_most: bool = True


REQUIRED: dict[SensorSequence, tuple[Bound, ...]] = {
    SensorSequence("kitti/06", Sensor.MONO): (Bound("ate_m", 0.04), Bound("rotation_deg", 0.035)),
    SensorSequence("kitti/06", Sensor.STEREO): (
        Bound("ate_m", 0.08),
        Bound("final_position_percent", 0.5),
        Bound("scale_error_percent", 0.5),
    ),
    SensorSequence("kitti/00", Sensor.MONO): (
        Bound("segments", 1),
        Bound("final_heading_deg", 0.5),
        Bound("ate_m", 0.20),
    ),
    SensorSequence("tum/fr1_rpy", Sensor.RGBD): (
        Bound("tracked_percent", 98, at_most=False),
        Bound("ate_m", 0.03),
    ),
    SensorSequence("tum/fr2_desk", Sensor.MONO): (Bound("ate_m", 0.01),),
    SensorSequence("7scenes/redkitchen", Sensor.MONO): (
        Bound("tracked_percent", 98, at_most=False),
        Bound("ate_m", 0.06),
    ),
    SensorSequence("euroc/V1_01_easy", Sensor.STEREO): (Bound("reach_m", 0.02),),
    SensorSequence(STREET, Sensor.STEREO): (Bound("t_rel_percent", 0.6), Bound("r_rel_deg_per_100m", 0.2)),
    SensorSequence(STREET, Sensor.MONO): (Bound("t_rel_percent", 2.0), Bound("scale_drift", None)),
    SensorSequence(SHORT_STREET, Sensor.STEREO): (),  # what the next one is compared with
    SensorSequence(FAULTY_STREET, Sensor.STEREO): (
        Bound("unreported_segments", 0),
        Bound("usable_tracked_percent", 90, at_most=False),
        Bound("ate_over_clean", 2.0),
    ),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How several runs do against a bound."""

    median: float  # infinite where half of the runs have no value
    worst: float
    met: str  # "yes" by the worst run, "median only", "no"; empty where the bound is only reported


def judge(bound: Bound, values: Sequence[float | None]) -> Verdict:
    """Hold values, one per run, against a bound; a run without a value counts as infinitely bad."""
    sign = 1 if bound.at_most else -1
    known = [sign * np.inf if value is None else float(value) for value in values]
    median, worst = float(np.median(known)), float(max(known) if bound.at_most else min(known))
    if bound.limit is None:
        return Verdict(median, worst, "")
    if sign * worst <= sign * bound.limit:
        return Verdict(median, worst, "yes")
    return Verdict(median, worst, "median only" if sign * median <= sign * bound.limit else "no")
