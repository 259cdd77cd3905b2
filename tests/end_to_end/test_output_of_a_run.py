"""What a run shows while it lasts, and that nobody has to be there to see it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from vo_frontend.cli.run import main
from vo_frontend.errors import OutputError
from vo_frontend.simulation.street import SyntheticSource

ROOT = Path(__file__).parents[2]
FAST = ["--features", "orb", "--no-view", "--out", "run"]
SHORT = [*FAST, "--frames", "0:12"]
RUN = f"{sys.executable} {ROOT / 'run_vo.py'} {' '.join(SHORT)}"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        f"{RUN} 2>/dev/full",
        f"{RUN} >/dev/full 2>&1",
        f"set -o pipefail; {RUN} 2>&1 | head -1",
        f"set -o pipefail; {RUN} --json | head -1",
        f"{RUN} 2>&-",
        f"{RUN} >&- 2>&- <&-",
    ],
)
def test_a_run_that_nobody_can_see_ends_as_any_other(line: str) -> None:
    found = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 0, found.stderr
    assert "Traceback" not in found.stderr + found.stdout
    assert json.loads(Path("run/metrics.json").read_text())["complete"] is True
    assert len(Path("run/frames.csv").read_text().splitlines()) == 13
    assert "written to run/" in Path("run/log.txt").read_text()


@pytest.mark.slow
def test_a_terminal_that_is_closed_does_not_end_the_run() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, str(ROOT / "run_vo.py"), *SHORT]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.read(ours, 1)  # it has begun to talk
    os.close(ours)
    assert process.wait(timeout=300) == 0
    assert json.loads(Path("run/metrics.json").read_text())["complete"] is True


def test_json_is_a_line_for_every_frame_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--json"]) == 0
    shown = capsys.readouterr()
    frames = [json.loads(line) for line in shown.out.splitlines()]
    assert [frame["frame"] for frame in frames] == list(range(12))
    assert frames[-1]["status"] == "tracking"
    assert np.array(frames[-1]["T_world_cam"]).shape == (4, 4)
    assert frames[0]["T_world_cam"] is None
    assert frames[0]["reason"] == "waiting for a second view"
    assert "written to run/" in shown.err


def test_quiet_is_silent_but_for_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--quiet"]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")
    assert "frame 12/12" not in Path("run/log.txt").read_text()


def test_the_version_is_an_option_of_a_run_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("vo_frontend ")


def test_the_log_holds_what_the_terminal_showed_from_the_first_warning_to_the_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The guess is warned of before there is a run folder, libpng complains past Python."""
    Path("street").mkdir()
    for frame in SyntheticSource(frames=slice(0, 12)):
        assert frame.image is not None
        done, png = cv2.imencode(".png", frame.image)
        assert done
        cut = len(png) // 2 if frame.index in (7, 8) else len(png)
        Path(f"street/{frame.index:04d}.png").write_bytes(png.tobytes()[:cut])
    assert main([*FAST, "--images", "street", "--camera", "guess:80"]) == 0
    shown, log = capsys.readouterr(), Path("run/log.txt").read_text()
    assert "the calibration is a guess" in log
    assert log.count(" WARNING vo_frontend.cli.console: libpng complained") == 1
    for line in (shown.out + shown.err).splitlines():
        assert line.removeprefix("WARNING: ").removeprefix("INFO: ").strip() in log
    assert "libpng error:" not in [line[:13] for line in shown.err.splitlines()]


def test_an_error_that_ends_a_run_is_the_last_line_of_its_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OutputError("run/frames.csv: cannot write (No space left on device)")

    monkeypatch.setattr("vo_frontend.reports.frame_log.FrameLogSink.consume", full)
    assert main(SHORT) == 2
    error = "error: run/frames.csv: cannot write (No space left on device)"
    assert capsys.readouterr().err.splitlines()[-1] == error
    assert Path("run/log.txt").read_text().splitlines()[-1].endswith(error)


def test_loading_kernels_is_no_part_of_any_stage() -> None:
    assert main(SHORT) == 0
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["kernels_s"] > 0
    assert metrics["stages_ms"]["start"]["p95"] < 1e3 * metrics["kernels_s"]
