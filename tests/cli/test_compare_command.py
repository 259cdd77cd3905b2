"""``vo-frontend compare`` as a user meets it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vo_frontend.cli.compare import main
from vo_frontend.cli.run import main as run_main
from vo_frontend.reports.error_log import read_errors


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on the built-in street, mono and stereo, with a link to the second."""
    folder = tmp_path_factory.mktemp("runs")
    for sensor in ("mono", "stereo"):
        options = ["--sensor", sensor, "--frames", "0:30", "--features", "orb", "--no-view"]
        assert run_main([*options, "--out", str(folder / sensor)]) == 0
    (folder / "latest").symlink_to("stereo", target_is_directory=True)
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons go into a folder of their own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def copies(runs: Path, tmp_path: Path) -> Path:
    for name in ("mono", "stereo"):
        shutil.copytree(runs / name, tmp_path / name)
    return tmp_path


def change(folder: Path, **values: object) -> None:
    path = folder / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def metrics(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return found


def rows(text: str) -> dict[str, list[str]]:
    """Cells by quantity; cells stand two spaces or more apart."""
    split = [re.split(r" {2,}", line) for line in text.splitlines()]
    return {cells[0]: cells[1:] for cells in split}


def test_every_run_has_a_column_and_every_figure_a_row(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(runs / "mono"), str(runs / "latest")]) == 0
    text = capsys.readouterr().out
    found = rows(text)
    assert found[""] == ["mono", "stereo"], "the link is shown as the run that it points at"
    assert found["sequence"] == ["synthetic/street"] * 2
    assert found["sensor"] == ["mono", "stereo"]
    assert found["features"] == ["orb", "orb"]
    assert found["frames"] == ["30", "30"]
    assert found["poses"] == [str(metrics(runs / name)["poses"]) for name in ("mono", "stereo")]
    assert found["aligned with"] == ["Sim(3)", "SE(3)"]
    ate_m = [metrics(runs / name)["errors"]["ate_m"]["rmse"] for name in ("mono", "stereo")]
    assert [float(cell) for cell in found["ATE rmse"][:2]] == pytest.approx(ate_m, rel=1e-3)
    assert found["ATE rmse"][2] == "m"
    assert found["verdict"] == ["worked", "worked"]
    assert found["scale error"][0] == "n/a", "mono has no scale"
    assert abs(float(found["scale error"][1])) < 5
    assert {"lost", "segments", "path length", "speed", "frame, p50", "frame, p95"} <= set(found)
    assert "numpy" not in found, "versions are shown where they differ"
    assert "complete" not in found
    assert "different sequences" not in text


def test_runs_in_real_time_are_compared_by_what_they_dropped_and_how_late_they_were(
    copies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(copies / "mono"), str(copies / "stereo")]) == 0
    assert "dropped" not in rows(capsys.readouterr().out)
    change(copies / "mono", dropped=7, latency_ms={"p50": 60.0, "p95": 90.0, "max": 120.0})
    assert main([str(copies / "mono"), str(copies / "stereo")]) == 0
    found = rows(capsys.readouterr().out)
    assert found["dropped"] == ["7", "n/a", "frames"]
    assert found["capture to pose, p95"] == ["90", "n/a", "ms"]


def test_a_run_that_is_named_twice_is_shown_once(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(runs / name) for name in ("stereo", "latest", "mono")]) == 0
    assert rows(capsys.readouterr().out)[""] == ["stereo", "mono"]


def test_different_sequences_versions_and_ends_are_said(
    copies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = {**metrics(copies / "mono")["versions"], "numpy": "1.0", "kornia": None}
    change(copies / "mono", sequence="kitti/06", versions=versions, complete=False, errors=None)
    assert main([str(copies / "mono"), str(copies / "stereo")]) == 0
    text = capsys.readouterr().out
    found = rows(text)
    assert found["numpy"] == ["1.0", metrics(copies / "stereo")["versions"]["numpy"]]
    assert found["complete"] == ["no", "yes"]
    assert found["ATE rmse"][0] == "n/a"
    assert "torch" not in found
    assert "different sequences (kitti/06, synthetic/street): their errors do not compare" in text


def cut_off(folder: Path) -> None:
    path = folder / "metrics.json"
    path.write_text(path.read_text()[:200])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "mono: no such folder, expected a run folder"),
        (lambda folder: (folder / "metrics.json").unlink(), "mono: holds no metrics.json, expected"),
        (cut_off, "metrics.json: is no JSON or is cut off"),
        (lambda folder: (folder / "metrics.json").write_text("[1, 2]"), "holds no figures of a run"),
        (lambda folder: (folder / "metrics.json").write_text('{"a": 1}'), "sequence: got nothing, expected"),
        (lambda folder: (folder / "metrics.json").write_bytes(b"\xff\xfe\x00"), "is no JSON or is cut off"),
        (lambda folder: change(folder, frames="many"), "frames: got 'many', expected a whole number"),
        (lambda folder: change(folder, errors=3), "errors: got '3', expected a section"),
        (lambda folder: change(folder, fps="fast"), "fps: got 'fast', expected a number"),
    ],
)
def test_a_folder_without_a_sound_run_is_one_line_and_exit_code_two(
    copies: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], object], message: str
) -> None:
    spoil(copies / "mono")
    assert main([str(copies / "stereo"), str(copies / "mono")]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert not printed.out


def test_runs_of_one_sequence_are_paired_frame_by_frame(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(runs / "mono"), str(runs / "stereo"), "--out", "both"]) == 0
    found = rows(capsys.readouterr().out)
    mono, stereo = (read_errors(runs / name / "errors.csv")[0] for name in ("mono", "stereo"))
    shared, in_mono, in_stereo = np.intersect1d(mono.timestamps_ns, stereo.timestamps_ns, return_indices=True)
    assert found["frames paired"] == [str(len(shared))] * 2
    is_better = stereo.position_errors_m[in_stereo] < mono.position_errors_m[in_mono]
    assert float(found["better than mono"][0]) == pytest.approx(100 * is_better.mean(), rel=1e-3)
    page = Path("both/comparison.html").read_text()
    assert "paired by their time stamps" in page
    assert Path("both/comparison.png").stat().st_size > 10_000


def test_runs_without_errors_are_compared_without_pairs(
    copies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copies / "mono" / "errors.csv").unlink()
    assert main([str(copies / "mono"), str(copies / "stereo")]) == 0
    assert "frames paired" not in rows(capsys.readouterr().out)
    (page,) = Path("runs/comparisons").glob("2*/comparison.html")
    assert "No frames are paired" in page.read_text()


def test_a_run_of_an_earlier_version_has_no_verdict(copies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(copies / "mono", verdict=None)
    assert main([str(copies / "mono"), str(copies / "stereo")]) == 0
    assert rows(capsys.readouterr().out)["verdict"] == ["n/a", "worked"]
