"""The command ``vo-frontend ablate`` as a user meets it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vo_frontend.cli.ablation import main
from vo_frontend.config_files import load_config
from vo_frontend.evaluation import evaluate
from vo_frontend.experiments.ablation import extraction
from vo_frontend.experiments.ablation import runs as ablation_runs
from vo_frontend.experiments.ablation.bounds import REQUIRED, Bound, judge
from vo_frontend.experiments.ablation.extraction import ExtractedSequence
from vo_frontend.experiments.ablation.plan import (
    BUDGETS,
    COMPARED,
    FEATURES,
    IMAGE_SCALES,
    KEPT_BY_PRESETS,
    PRESETS,
    TABLES,
    Case,
    Table,
    Variant,
    choose_sequences,
    choose_tables,
    seeds_of,
)
from vo_frontend.experiments.ablation.report import sections
from vo_frontend.experiments.ablation.runs import measure
from vo_frontend.experiments.ablation.scores import ScoredRun
from vo_frontend.experiments.ablation.sequences import FAULTY_STREET, SHORT_STREET, SensorSequence
from vo_frontend.experiments.output_files import BEGIN, END
from vo_frontend.experiments.tables import format_section
from vo_frontend.features.classical.orb import OrbExtractor
from vo_frontend.formats.trajectories import PoseFile, read_poses
from vo_frontend.reports.trajectory_files import TUM_NAME, TrajectorySink
from vo_frontend.session.session import Session
from vo_frontend.simulation.faults import BlackOut, Drop, Truncate, When
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.sources.base import FrameSource
from vo_frontend.types import Sensor

TOOL = Path(__file__).parents[2] / "tools" / "ablation.py"
NUM_FRAMES = 16
STREET_MONO = SensorSequence("street", Sensor.MONO)
ORB = Variant(features="orb", keypoints=500)
RUN = ScoredRun(
    sequence="street", sensor="mono", features="orb", keypoints=500, image_scale=1.0, preset="default",
    estimator="poselib",
    bundle_adjustment=True, seed=0, frames=10, segments=1, unreported_segments=0, tracked_percent=100.0,
    usable_tracked_percent=100.0, path_length_m=10.0, ate_m=0.1, rotation_deg=0.1, final_heading_deg=0.1,
    final_position_percent=0.1, scale_error_percent=None, scale_drift=1.0, t_rel_percent=1.0,
    r_rel_deg_per_100m=1.0, reach_m=10.0, extract_ms=30.0, track_ms=20.0, core_ms=80.0,
)  # fmt: skip


@pytest.fixture
def no_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation_runs, "warm_up", lambda: None)


def run_cases(
    cases: list[Case], seeds: Sequence[int] = (0,), max_frames: int = NUM_FRAMES
) -> dict[Case, list[ScoredRun]]:
    return measure(dict.fromkeys(cases, seeds), None, None, max_frames, lambda line: None)


def ate_m(run: ScoredRun) -> float:
    assert run.ate_m is not None
    return run.ate_m


def test_from_the_command_to_tables_json_and_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], no_warm_up: None
) -> None:
    markdown = tmp_path / "accuracy.md"
    markdown.write_text(f"# Accuracy\n{BEGIN}\n{END}\nThe end.\n")
    options = ["--sequences", "street:mono", "--features", "orb", "--frames", "10", "--seeds", "0:2"]
    options += ["--out", str(tmp_path / "out"), "--markdown", str(markdown)]
    assert main([*options, "--only", "accuracy,budget", "--budgets", "300,1000"]) == 0
    found = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert [row["error"] for row in found["bounds"]] == ["t_rel [%]", "scale drift, end over start"]
    assert [row["variant"] for row in found["budget"]] == ["300", "1000"]
    assert "estimator" not in found
    assert {(run["keypoints"], run["seed"]) for run in found["runs"]} == {(300, 0), (1000, 0), (1000, 1)}
    assert [row["seeds"] for row in found["accuracy"] + found["budget"]] == [2, 1, 1]
    assert all(run["tracked_percent"] == 100 and run["ate_m"] < 0.2 for run in found["runs"])
    assert found["load_before"] is None or found["load_before"] >= 0
    text = markdown.read_text()
    assert text.startswith("# Accuracy\n")
    assert text.endswith("The end.\n")
    assert "(accuracy.png)" in text
    assert "only the first frames of each sequence" in text
    assert "command: `vo-frontend ablate --sequences street:mono" in text
    assert (tmp_path / "accuracy.png").stat().st_size > 10_000
    assert "| <= 2 |" in capsys.readouterr().out


def test_ctrl_c_keeps_the_cases_that_are_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_warm_up: None
) -> None:
    def track_or_stop(case: Case, seed: int, extracted: ExtractedSequence) -> ScoredRun:
        if case.variant.keypoints == 1000:
            raise KeyboardInterrupt
        return track(case, seed, extracted)

    track = ablation_runs.track
    monkeypatch.setattr(ablation_runs, "track", track_or_stop)
    options = ["--sequences", "street:mono", "--features", "orb", "--frames", "5", "--out", str(tmp_path)]
    assert main([*options, "--only", "budget,estimator", "--budgets", "300,1000"]) == 0
    found = json.loads((tmp_path / "ablation.json").read_text())
    assert [row["variant"] for row in found["budget"]] == ["300"]
    assert "estimator" not in found
    assert "stopped early: rows are missing" in found["warnings"]
    assert "stopped after 1 of 3 cases" in capsys.readouterr().err


def test_ctrl_c_before_the_first_case_leaves_the_tables_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_warm_up: None
) -> None:
    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ablation_runs, "extract_sequence", stop)
    markdown = tmp_path / "accuracy.md"
    markdown.write_text(f"{BEGIN}\nprecious\n{END}\n")
    options = ["--sequences", "street:mono", "--features", "orb", "--out", str(tmp_path)]
    assert main([*options, "--only", "accuracy", "--markdown", str(markdown)]) == 130
    assert "precious" in markdown.read_text()


def test_the_tool_is_the_command(tmp_path: Path) -> None:
    command = [sys.executable, str(TOOL), "--only", "speed", "--out", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 2
    assert found.stderr.startswith("error: --only: unknown name 'speed'")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--only", "budgets"], "--only: unknown name 'budgets', did you mean 'budget'?"),
        (["--only", "budget,budget"], "got 'budget' twice"),
        (
            ["--sequences", "street:mono", "--features", "orp"],
            "features: unknown name 'orp', did you mean 'orb'?",
        ),
        (["--features", "orb,orb"], "--features: got 'orb' twice"),
        (
            ["--sequences", "street:mono", "--features", "orb", "--budgets", "10"],
            "features.max_keypoints: got 10, expected 50..50000",
        ),
        (["--features", "orb", "--sequences", "kitti/6"], "unknown sequence 'kitti/6', did you mean"),
        (["--features", "orb", "--sequences", "kitti/06"], "kitti/06: no data root"),
        (
            ["--features", "orb", "--sequences", "street:lidar"],
            "unknown sensor 'lidar', expected mono, stereo",
        ),
        (["--features", "orb", "--markdown", "nowhere/a.md"], "no such folder nowhere"),
    ],
)
def test_wrong_options_are_one_line_and_exit_code_two(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    message: str,
) -> None:
    monkeypatch.delenv("VO_DATA_ROOT", raising=False)
    assert main([*args, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("option", ["--only", "--sequences", "--features", "--budgets"])
def test_empty_lists_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([option, ","])
    assert "expected names with commas between them" in capsys.readouterr().err


@pytest.mark.parametrize("seeds", ["5:5", "a:b", "3:", ""])
def test_seeds_that_are_none_are_refused(seeds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--seeds", seeds])
    assert "expected A:B with A below B, or one seed" in capsys.readouterr().err


def test_by_default_every_bound_is_looked_at_and_every_ablation_made() -> None:
    tables = choose_tables(TABLES, None, FEATURES, BUDGETS)
    assert [table.key for table in tables] == list(TABLES)
    assert {case.sequence for _, case in tables[0].cases} == set(REQUIRED)
    sizes = [len(table.cases) // len(COMPARED) for table in tables[1:-1]]
    assert sizes == [len(FEATURES), len(BUDGETS), len(IMAGE_SCALES), 2, 2]
    assert {case.sequence for _, case in tables[-1].cases} == set(KEPT_BY_PRESETS)
    needed = seeds_of(tables, range(5))
    default = [Case(sequence, Variant()) for sequence in REQUIRED]
    assert {case for case, seeds in needed.items() if len(seeds) == 5} == set(default)
    assert {len(seeds) for seeds in needed.values()} == {1, 3, 5}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_run_as_its_file_says(name: str) -> None:
    config, preset = Variant.of_preset(name).config(7), load_config(name)
    assert config.seed == 7
    assert config.features == replace(preset.features, device="cpu")
    assert replace(config, seed=0, features=preset.features) == preset


def test_the_default_preset_is_run_once_for_all_tables() -> None:
    assert Variant.of_preset("default") == Variant()


def test_presets_use_other_features_where_those_are_compared() -> None:
    (table,) = choose_tables(["presets"], [STREET_MONO], ["orb", "alike-t"], BUDGETS)
    assert {case.variant.features for _, case in table.cases} == {"orb"}
    assert [case.variant.keypoints for _, case in table.cases] == [
        load_config(name).features.max_keypoints for name in PRESETS
    ]


def test_presets_have_a_picture_of_their_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], no_warm_up: None
) -> None:
    markdown = tmp_path / "presets.md"
    markdown.write_text(f"{BEGIN}\n{END}\n")
    options = ["--sequences", "street:mono", "--features", "orb", "--frames", "10", "--budgets", "300"]
    options += ["--out", str(tmp_path / "out"), "--markdown", str(markdown)]
    assert main([*options, "--only", "budget,resolution,presets"]) == 0
    found = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert [row["variant"] for row in found["presets"]] == list(PRESETS)
    assert all(run["core_ms"] > 0 for run in found["runs"])
    assert {run["image_scale"] for run in found["runs"]} >= {0.5, 0.75, 1.0}
    assert "(presets_pareto.png)" in markdown.read_text()
    assert (tmp_path / "presets_pareto.png").stat().st_size > 10_000
    assert "core ms per frame" in capsys.readouterr().out


def test_the_street_with_faults_brings_the_one_without() -> None:
    assert choose_sequences([FAULTY_STREET]) == [
        SensorSequence(SHORT_STREET, Sensor.STEREO),
        SensorSequence(FAULTY_STREET, Sensor.STEREO),
    ]
    assert choose_sequences(["kitti/07", "kitti/06:stereo", "kitti/06"]) == [
        SensorSequence("kitti/07", Sensor.MONO),
        SensorSequence("kitti/06", Sensor.STEREO),
        SensorSequence("kitti/06", Sensor.MONO),
    ]


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


def test_without_adjustment_the_map_stays_as_triangulated_and_the_error_grows(no_warm_up: None) -> None:
    with_it, without = Case(STREET_MONO, ORB), Case(STREET_MONO, replace(ORB, adjusts=False))
    assert without.variant.config(0).mapping.max_iterations == 0
    runs = run_cases([with_it, without], max_frames=25)
    assert runs[without][0].tracked_percent == 100
    assert ate_m(runs[without][0]) > 1.5 * ate_m(runs[with_it][0])


def real_run(source: FrameSource, folder: Path) -> PoseFile:
    """Run as ``vo-frontend run`` would, images and all."""
    session = Session.for_source(ORB.config(3), source, OrbExtractor(max_keypoints=500))
    session.run(source, [TrajectorySink(folder, session.records.trajectory)])
    return read_poses(folder / TUM_NAME)


def test_tracking_what_was_extracted_before_is_a_run_like_any_other(tmp_path: Path, no_warm_up: None) -> None:
    (run,) = run_cases([Case(STREET_MONO, ORB)], seeds=[3])[Case(STREET_MONO, ORB)]
    poses = real_run(SyntheticSource(300, frames=slice(NUM_FRAMES)), tmp_path)
    found = evaluate(poses.trajectory, ground_truth(300), sensor_has_scale=False)
    assert found.ate_m is not None
    assert run.ate_m == found.ate_m.rmse
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
    assert found.ate_m is not None
    assert run.ate_m == found.ate_m.rmse
    assert run.tracked_percent == 100 * len(poses) / run.frames
    assert run.usable_tracked_percent == 100
    assert run.ate_over_clean == ate_m(run) / ate_m(runs[clean][0])
    assert runs[clean][0].ate_over_clean is None


@pytest.mark.real
@pytest.mark.slow
def test_two_features_on_a_real_sequence(data_root: Path, weights_dir: Path, tmp_path: Path) -> None:
    options = ["--data-root", str(data_root), "--weights-dir", str(weights_dir), "--out", str(tmp_path)]
    options += ["--only", "features", "--features", "aliked-t16,orb", "--seeds", "0", "--frames", "15"]
    assert main([*options, "--sequences", "kitti/06:mono"]) == 0
    rows = json.loads((tmp_path / "ablation.json").read_text())["features"]
    assert [row["variant"] for row in rows] == ["aliked-t16", "orb"]
    assert all(row["tracked_percent"] == 100 for row in rows)
    assert np.all([row["ate_m"] < 0.1 for row in rows])
