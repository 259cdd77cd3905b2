"""``vo-frontend COMMAND``: one grammar for all commands."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vo_frontend.cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "torch", "cv2", "numba", "matplotlib", "open3d")
SHORT_RUN = ["--features", "orb", "--no-view", "--frames", "0:3"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def imported_after(code: str) -> list[str]:
    """Heavy modules that a fresh interpreter has imported after some code."""
    code += f"\nimport json, sys; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(found.stdout.splitlines()[-1])
    return names


def test_help_has_one_line_for_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, (_, what) in COMMANDS.items():
        assert [line.split(maxsplit=1) for line in lines].count([name, what]) == 1
    assert any("Options alone mean 'run'" in line for line in lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_goes_by_its_name_in_its_own_help(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: vo-frontend {command} ")
    assert f"\n  vo-frontend {command} " in text, "its examples too"


@pytest.mark.parametrize("command", [[], ["run"]])
def test_options_alone_mean_run(command: list[str], tmp_path: Path) -> None:
    assert main([*command, *SHORT_RUN, "--out", "found"]) == 0
    metrics = json.loads((tmp_path / "found" / "metrics.json").read_text())
    assert metrics["frames"] == 3
    assert metrics["command"] == ["vo-frontend", "run", *SHORT_RUN, "--out", "found"]


def test_without_anything_the_street_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[list[str]] = []

    def run(argv: list[str]) -> int:
        passed.append(argv)
        return 0

    monkeypatch.setattr("vo_frontend.cli.run.main", run)
    assert main([]) == 0
    assert passed == [[]]


def test_an_unknown_command_is_one_line_and_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evalute", "a.txt", "b.txt"]) == 2
    assert capsys.readouterr().err == "error: unknown command 'evalute', did you mean 'evaluate'?\n"


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vo_frontend {importlib.metadata.version('vo_frontend')}\n"


@pytest.mark.parametrize(
    ("program", "prog"),
    [
        (["-m", "vo_frontend", "evaluate"], "vo-frontend evaluate"),
        (["-m", "vo_frontend.cli.evaluate"], "vo-frontend evaluate"),
        (["-m", "vo_frontend.cli.run"], "vo-frontend run"),
        ([str(ROOT / "run_vo.py")], "vo-frontend run"),
        ([str(ROOT / "tools" / "ablation.py")], "vo-frontend ablate"),
    ],
)
def test_every_older_way_to_start_a_command_stays(program: list[str], prog: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *program, "--help"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.startswith(f"usage: {prog} ")


@pytest.mark.parametrize("module", ["main", *(module.split(".")[-1] for module, _ in COMMANDS.values())])
def test_a_command_imports_nothing_heavy_before_it_starts(module: str) -> None:
    assert imported_after(f"import vo_frontend.cli.{module}") == []


def test_the_cores_are_shared_before_numpy_is_first_imported(tmp_path: Path) -> None:
    code = f"""
import importlib.abc, os, sys
class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            assert os.environ.get("OPENBLAS_NUM_THREADS") == "1", "numpy came first"
sys.meta_path.insert(0, Watch())
os.environ.pop("OPENBLAS_NUM_THREADS", None)
from vo_frontend.cli.main import main
assert main({[*SHORT_RUN, "--out", str(tmp_path / "run")]}) == 0
"""
    assert "numpy" in imported_after(code)
