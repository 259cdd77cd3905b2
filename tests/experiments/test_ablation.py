"""The command ``tools/ablation.py`` as a user meets it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vo_frontend.cli.ablation import main
from vo_frontend.evaluation import evaluate
from vo_frontend.experiments.ablation import runs as ablation_runs
from vo_frontend.experiments.ablation.plan import (
    BUDGETS,
    COMPARED,
    FAULTY_STREET,
    FEATURES,
    REQUIRED,
    SHORT_STREET,
    TABLES,
    Bound,
    Case,
    Course,
    Variant,
    choose_courses,
    choose_tables,
    seeds_of,
)
from vo_frontend.experiments.ablation.report import _bound_row
from vo_frontend.experiments.ablation.runs import Run, measure
from vo_frontend.experiments.tables import BEGIN, END
from vo_frontend.features.classical.orb import OrbExtractor
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.reports.trajectory_files import TUM_NAME, TrajectorySink
from vo_frontend.session import pipeline
from vo_frontend.session.build import build_frontend
from vo_frontend.simulation.faults import BlackOut, Drop, Truncate, When
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.types import Sensor

TOOL = Path(__file__).parents[2] / "tools" / "ablation.py"
NUM_FRAMES = 16
STREET_MONO = Course("street", Sensor.MONO)
ORB = Variant(features="orb", keypoints=500)
RUN = Run(
    sequence="street", sensor="mono", features="orb", keypoints=500, estimator="poselib",
    bundle_adjustment=True, seed=0, frames=10, segments=1, unreported_segments=0, tracked_percent=100.0,
    usable_tracked_percent=100.0, path_length_m=10.0, ate_m=0.1, rotation_deg=0.1, final_heading_deg=0.1,
    final_position_percent=0.1, scale_error_percent=None, scale_drift=1.0, t_rel_percent=1.0,
    r_rel_deg_per_100m=1.0, reach_m=10.0, extract_ms=30.0, track_ms=20.0,
)  # fmt: skip


@pytest.fixture
def no_warm_up(monkeypatch):
    monkeypatch.setattr(ablation_runs, "_warm_up", lambda: None)


def run_cases(cases, seeds=(0,), max_frames=NUM_FRAMES):
    return measure(dict.fromkeys(cases, seeds), None, None, max_frames, lambda line: None)


def test_from_the_command_to_tables_json_and_picture(tmp_path, capsys, no_warm_up):
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
    assert "command: `python tools/ablation.py --sequences street:mono" in text
    assert (tmp_path / "accuracy.png").stat().st_size > 10_000
    assert "| <= 2 |" in capsys.readouterr().out


def test_ctrl_c_keeps_the_cases_that_are_finished(tmp_path, capsys, monkeypatch, no_warm_up):
    def run_or_stop(case, seed, footage):
        if case.variant.keypoints == 1000:
            raise KeyboardInterrupt
        return run(case, seed, footage)

    run = ablation_runs._run
    monkeypatch.setattr(ablation_runs, "_run", run_or_stop)
    options = ["--sequences", "street:mono", "--features", "orb", "--frames", "5", "--out", str(tmp_path)]
    assert main([*options, "--only", "budget,estimator", "--budgets", "300,1000"]) == 0
    found = json.loads((tmp_path / "ablation.json").read_text())
    assert [row["variant"] for row in found["budget"]] == ["300"]
    assert "estimator" not in found
    assert "stopped early: rows are missing" in found["warnings"]
    assert "stopped after 1 of 3 cases" in capsys.readouterr().err


def test_ctrl_c_before_the_first_case_leaves_the_tables_alone(tmp_path, monkeypatch, no_warm_up):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(ablation_runs, "_film", stop)
    markdown = tmp_path / "accuracy.md"
    markdown.write_text(f"{BEGIN}\nprecious\n{END}\n")
    options = ["--sequences", "street:mono", "--features", "orb", "--out", str(tmp_path)]
    assert main([*options, "--only", "accuracy", "--markdown", str(markdown)]) == 130
    assert "precious" in markdown.read_text()


def test_the_tool_is_the_command(tmp_path):
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
            "features.max_keypoints: got 10, expected at least 50",
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
def test_wrong_options_are_one_line_and_exit_code_two(tmp_path, capsys, monkeypatch, args, message):
    monkeypatch.delenv("VO_DATA_ROOT", raising=False)
    assert main([*args, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("option", ["--only", "--sequences", "--features", "--budgets"])
def test_empty_lists_are_refused(option, capsys):
    with pytest.raises(SystemExit):
        main([option, ","])
    assert "expected names with commas between them" in capsys.readouterr().err


@pytest.mark.parametrize("seeds", ["5:5", "a:b", "3:", ""])
def test_seeds_that_are_none_are_refused(seeds, capsys):
    with pytest.raises(SystemExit):
        main(["--seeds", seeds])
    assert "expected A:B with A below B, or one seed" in capsys.readouterr().err


def test_by_default_every_bound_is_looked_at_and_every_ablation_made():
    tables = choose_tables(TABLES, None, FEATURES, BUDGETS)
    assert [table.key for table in tables] == list(TABLES)
    assert {case.course for _, case in tables[0].cases} == set(REQUIRED)
    sizes = [len(table.cases) // len(COMPARED) for table in tables[1:]]
    assert sizes == [len(FEATURES), len(BUDGETS), 2, 2]
    needed = seeds_of(tables, range(5))
    default = [Case(course, Variant()) for course in REQUIRED]
    assert {case for case, seeds in needed.items() if len(seeds) == 5} == set(default)
    assert {len(seeds) for seeds in needed.values()} == {1, 3, 5}


def test_the_street_with_faults_brings_the_one_without():
    assert choose_courses([FAULTY_STREET]) == [
        Course(SHORT_STREET, Sensor.STEREO),
        Course(FAULTY_STREET, Sensor.STEREO),
    ]
    assert choose_courses(["kitti/07", "kitti/06:stereo", "kitti/06"]) == [
        Course("kitti/07", Sensor.MONO),
        Course("kitti/06", Sensor.STEREO),
        Course("kitti/06", Sensor.MONO),
    ]


@pytest.mark.parametrize(
    ("values", "bound", "median", "worst", "met"),
    [
        ([0.1, 0.3, 0.2], Bound("ate_m", 0.3), "0.2", "0.3", "yes"),
        ([0.1, 0.4, 0.2], Bound("ate_m", 0.3), "0.2", "0.4", "median only"),
        ([0.1, None, 0.2], Bound("ate_m", 0.3), "0.2", "n/a", "median only"),
        ([0.5, 0.6, 0.4], Bound("ate_m", 0.3), "0.5", "0.6", "no"),
        ([99, 97, 100], Bound("tracked_percent", 98, at_most=False), "99", "97", "median only"),
        ([99, 98, 100], Bound("tracked_percent", 98, at_most=False), "99", "98", "yes"),
        ([1.1, None], Bound("scale_drift", None), "n/a", "n/a", ""),
    ],
)
def test_a_bound_is_met_when_the_worst_run_keeps_it(values, bound, median, worst, met):
    runs = [replace(RUN, **{bound.metric: value}) for value in values]
    row = _bound_row(STREET_MONO, bound, runs)
    assert (row.median, row.worst, row.met) == (median, worst, met)


def test_without_adjustment_the_map_stays_as_triangulated_and_the_error_grows(no_warm_up):
    with_it, without = Case(STREET_MONO, ORB), Case(STREET_MONO, replace(ORB, adjusts=False))
    assert without.variant.config(0).mapping.max_iterations == 0
    runs = run_cases([with_it, without], max_frames=25)
    assert runs[without][0].tracked_percent == 100
    assert runs[without][0].ate_m > 1.5 * runs[with_it][0].ate_m


def real_run(source, folder):
    """As ``run_vo.py`` would do it, images and all."""
    frontend = build_frontend(
        ORB.config(3), source.camera, OrbExtractor(max_keypoints=500), sensor=source.sensor,
        baseline_m=source.baseline_m,
    )  # fmt: skip
    pipeline.run(source, frontend, [TrajectorySink(folder)])
    return read_poses(folder / TUM_NAME)


def test_tracking_what_was_extracted_before_is_a_run_like_any_other(tmp_path, no_warm_up):
    (run,) = run_cases([Case(STREET_MONO, ORB)], seeds=[3])[Case(STREET_MONO, ORB)]
    poses = real_run(SyntheticSource(300, frames=slice(NUM_FRAMES)), tmp_path)
    found = evaluate(poses.trajectory, ground_truth(300), sensor_has_scale=False)
    assert run.ate_m == found.ate_m.rmse
    assert run.frames_per_second > 0


def test_faults_on_extracted_frames_are_faults_on_images(tmp_path, monkeypatch, no_warm_up):
    faults = (
        Drop(When.randomly(0.2)),
        Truncate(When.randomly(0.1)),
        BlackOut(When.at(9, num_frames=3)),
    )
    monkeypatch.setattr(ablation_runs, "FAULTS", faults)
    clean, faulty = (Case(Course(name, Sensor.STEREO), ORB) for name in (SHORT_STREET, FAULTY_STREET))
    runs = run_cases([clean, faulty], seeds=[3])
    source = FaultySource(SyntheticSource(300, sensor=Sensor.STEREO, frames=slice(NUM_FRAMES)), faults, 3)
    poses = real_run(source, tmp_path)
    found = evaluate(poses.trajectory, ground_truth(300), sensor_has_scale=True)
    (run,) = runs[faulty]
    assert run.frames < NUM_FRAMES
    assert len(poses) < run.frames
    assert run.ate_m == found.ate_m.rmse
    assert run.tracked_percent == 100 * len(poses) / run.frames
    assert run.usable_tracked_percent == 100
    assert run.ate_over_clean == run.ate_m / runs[clean][0].ate_m
    assert runs[clean][0].ate_over_clean is None


def test_help_shows_examples_and_imports_nothing_heavy():
    code = (
        "import sys; from vo_frontend.cli.ablation import build_parser;"
        "print(build_parser().format_help()); print('numpy' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "examples:" in found.stdout
    assert found.stdout.rstrip().endswith("False")


@pytest.mark.real
@pytest.mark.slow
def test_two_features_on_a_real_sequence(data_root, weights_dir, tmp_path):
    options = ["--data-root", str(data_root), "--weights-dir", str(weights_dir), "--out", str(tmp_path)]
    options += ["--only", "features", "--features", "aliked-t16,orb", "--seeds", "0", "--frames", "15"]
    assert main([*options, "--sequences", "kitti/06:mono"]) == 0
    rows = json.loads((tmp_path / "ablation.json").read_text())["features"]
    assert [row["variant"] for row in rows] == ["aliked-t16", "orb"]
    assert all(row["tracked_percent"] == 100 for row in rows)
    assert np.all([row["ate_m"] < 0.1 for row in rows])
