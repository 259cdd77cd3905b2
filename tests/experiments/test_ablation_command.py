"""The command ``vo-frontend ablate`` as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vo_frontend.cli.ablation import main
from vo_frontend.experiments.ablation import runs as ablation_runs
from vo_frontend.experiments.ablation.extraction import ExtractedSequence
from vo_frontend.experiments.ablation.plan import PRESETS, Case
from vo_frontend.experiments.ablation.scores import ScoredRun
from vo_frontend.experiments.output_files import BEGIN, END

TOOL = Path(__file__).parents[2] / "tools" / "ablation.py"


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


@pytest.mark.real
@pytest.mark.slow
def test_two_features_on_a_real_sequence(data_root: Path, weights_dir: Path, tmp_path: Path) -> None:
    options = ["--data-root", str(data_root), "--weights-dir", str(weights_dir), "--out", str(tmp_path)]
    options += ["--only", "features", "--features", "aliked-t16,orb", "--seeds", "0", "--frames", "15"]
    assert main([*options, "--sequences", "kitti/06:mono"]) == 0
    rows = json.loads((tmp_path / "ablation.json").read_text())["features"]
    assert [row["variant"] for row in rows] == ["aliked-t16", "orb"]
    assert all(row["tracked_percent"] == 100 for row in rows)
    assert all(row["ate_m"] < 0.1 for row in rows)
