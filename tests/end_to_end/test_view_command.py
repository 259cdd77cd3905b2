"""``vo-frontend run --view`` as a user starts it, with and without a display."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SHORT_RUN = ("--features", "orb", "--frames", "0:12", "--out", "run")
WRITTEN_LAST = ("metrics.json", "trajectory.png", "map.png")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs go into a folder of their own, and nothing is known of real data or of this desktop."""
    monkeypatch.chdir(tmp_path)
    for variable in ("VO_DATA_ROOT", "VO_WEIGHTS_DIR", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)


def start(*args: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(ROOT / "run_vo.py"), *args]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """Return the output up to the line with the words."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return "".join(lines)
    pytest.fail(f"never said '{words}':\n{''.join(lines)}")


@pytest.mark.slow
def test_everything_is_written_before_the_window_waits_and_one_ctrl_c_closes_it(screen: Path) -> None:
    process = start(*SHORT_RUN, "--view")
    output = read_until(process, "the run is over")
    assert "written to run/" in output
    assert all((Path("run") / name).is_file() for name in WRITTEN_LAST)
    assert json.loads(Path("run/metrics.json").read_text())["complete"] is True
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in output + rest


@pytest.mark.slow
def test_a_run_that_ctrl_c_has_stopped_is_reported_and_does_not_wait_for_the_window(screen: Path) -> None:
    process = start("--features", "orb", "--frames", "0:5000", "--out", "run", "--view")
    deadline = time.monotonic() + 120
    while not (Path("run/frames.csv").is_file() and len(Path("run/frames.csv").read_text().splitlines()) > 3):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "written to run/ (stopped before the end)" in output
    assert json.loads(Path("run/metrics.json").read_text())["complete"] is False


def test_without_a_display_the_run_says_so_and_goes_on() -> None:
    process = start(*SHORT_RUN, "--view")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "no display" in output or "Open3D is not installed" in output
    assert Path("run/metrics.json").is_file()


def test_a_recording_holds_every_frame_with_image_map_and_figures() -> None:
    pytest.importorskip("rerun")
    process = start(*SHORT_RUN, "--view", "rerun")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "12 of 12 frames shown" in output
    frames_of = frames_by_entity(Path("run/run.rrd"))
    every = set(range(12))
    for entity in ("/status", "/tracking/inliers", "/world/camera/image", "/world/camera/image/keypoints"):
        assert frames_of[entity] == every, entity
    assert len(frames_of["/world/camera"]) >= 8
    assert max(frames_of["/world/path/segment_1"]) == max(frames_of["/world/ground_truth"]) == 11
    assert {"/world/map/local", "/world/keyframes", "/stages_ms/extract"} <= set(frames_of)


def frames_by_entity(path: Path) -> dict[str, set[int]]:
    """Read a recording: the numbers of the frames at which something was logged, by entity."""
    from rerun.chunk import RrdReader

    found: dict[str, set[int]] = {}
    for chunk in RrdReader(str(path)).stream().to_chunks():
        batch = chunk.to_record_batch()
        if "frame" in batch.schema.names:
            numbers = np.asarray(batch.column("frame")).astype(np.int64).tolist()
            found.setdefault(chunk.entity_path, set()).update(numbers)
    return found


@pytest.mark.parametrize("arguments", [("--list",), ("--help",), ("map", "--help")])
def test_output_that_nobody_reads_ends_quietly(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "vo_frontend", *arguments]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()  # before a line is written
    assert process.stderr.read() == b""
    assert process.wait(60) == 0
    process.stderr.close()
