"""What an ablation measures is a run like any other, on features that were extracted once."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from known import known

from vo_frontend.evaluation import evaluate
from vo_frontend.experiments.ablation import extraction
from vo_frontend.experiments.ablation.plan import Case, Variant
from vo_frontend.experiments.ablation.runs import measure
from vo_frontend.experiments.ablation.scores import ScoredRun
from vo_frontend.experiments.ablation.sequences import FAULTY_STREET, SHORT_STREET, SensorSequence
from vo_frontend.features import load_extractor
from vo_frontend.formats.trajectories import PoseFile, read_poses
from vo_frontend.reports.trajectory_files import TUM_NAME, TrajectorySink
from vo_frontend.session.session import Session
from vo_frontend.simulation.faults import BlackOut, Drop, Truncate, When
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.sources.base import FrameSource
from vo_frontend.types import Sensor

NUM_FRAMES = 16
STREET_MONO = SensorSequence("street", Sensor.MONO)
ORB = Variant(features="orb", keypoints=500)
WITH_PLACES = Variant(features="vof-t16", keypoints=300)


def run_cases(
    cases: list[Case], seeds: Sequence[int] = (0,), max_frames: int = NUM_FRAMES
) -> dict[Case, list[ScoredRun]]:
    return measure(dict.fromkeys(cases, seeds), None, None, max_frames, lambda line: None)


def real_run(source: FrameSource, folder: Path, variant: Variant = ORB) -> PoseFile:
    """Run as ``vo-frontend run`` would, images and all."""
    extractor = load_extractor(variant.features, max_keypoints=variant.keypoints, device="cpu")
    session = Session.for_source(variant.config(3), source, extractor)
    session.run(source, [TrajectorySink(folder, session.records.trajectory)])
    return read_poses(folder / TUM_NAME)


@pytest.mark.parametrize("variant", [ORB, WITH_PLACES], ids=["orb", "vof-t16"])
def test_tracking_what_was_extracted_before_is_a_run_like_any_other(
    variant: Variant, tmp_path: Path, no_warm_up: None
) -> None:
    """With a vocabulary of places, the end of a run adjusts everything once more."""
    case = Case(STREET_MONO, variant)
    (run,) = run_cases([case], seeds=[3])[case]
    poses = real_run(SyntheticSource(300, frames=slice(NUM_FRAMES)), tmp_path, variant)
    found = evaluate(poses.trajectory, ground_truth(300), sensor_has_scale=False)
    assert run.ate_m == known(found.ate_m).rmse
    assert run.frames_per_second > 0


def test_faults_on_extracted_frames_are_faults_on_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_warm_up: None
) -> None:
    faults = (
        Drop(When.randomly(0.2)),
        Truncate(When.randomly(0.1)),
        BlackOut(When.at(9, num_frames=3)),
    )
    monkeypatch.setattr(extraction, "FAULTS", faults)
    clean, faulty = (Case(SensorSequence(name, Sensor.STEREO), ORB) for name in (SHORT_STREET, FAULTY_STREET))
    runs = run_cases([clean, faulty], seeds=[3])
    source = FaultySource(SyntheticSource(300, sensor=Sensor.STEREO, frames=slice(NUM_FRAMES)), faults, 3)
    poses = real_run(source, tmp_path)
    found = evaluate(poses.trajectory, ground_truth(300), sensor_has_scale=True)
    (run,) = runs[faulty]
    assert run.frames < NUM_FRAMES
    assert len(poses) < run.frames
    assert run.ate_m == known(found.ate_m).rmse
    assert run.tracked_percent == 100 * len(poses) / run.frames
    assert run.usable_tracked_percent == 100
    assert run.ate_over_clean == known(run.ate_m) / known(runs[clean][0].ate_m)
    assert runs[clean][0].ate_over_clean is None


def test_without_adjustment_the_map_stays_as_triangulated_and_the_error_grows(no_warm_up: None) -> None:
    with_it, without = Case(STREET_MONO, ORB), Case(STREET_MONO, replace(ORB, adjusts=False))
    assert without.variant.config(0).mapping.max_iterations == 0
    runs = run_cases([with_it, without], max_frames=25)
    assert runs[without][0].tracked_percent == 100
    assert known(runs[without][0].ate_m) > 1.5 * known(runs[with_it][0].ate_m)
