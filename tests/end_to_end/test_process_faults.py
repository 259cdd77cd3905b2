"""Runs that are ended from outside at any moment: what is left can be evaluated, and its counts agree."""

import json
import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from file_limit import file_limit

from vo_frontend.formats.trajectories import read_poses

ROOT = Path(__file__).parents[2]
TRAJECTORIES = ("trajectory_tum.txt", "trajectory_kitti.txt", "trajectory_euroc.csv")
NUM_MOMENTS = int(os.environ.get("VO_NUM_MOMENTS", "2"))  # of each signal
LATEST_S = 4.0  # after the first row; a run of these frames takes longer
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
]


def start(out: Path, *, terminal: int = subprocess.PIPE, frames: str = "0:150") -> "subprocess.Popen[str]":
    environment = {key: value for key, value in os.environ.items() if not key.startswith("VO_")}
    args = ("--features", "orb", "--frames", frames, "--no-view", "--out", str(out))
    command = [sys.executable, str(ROOT / "run_vo.py"), *args]
    return subprocess.Popen(command, env=environment, stdout=terminal, stderr=terminal, text=True)


def wait_for_the_first_row(process: "subprocess.Popen[str]", out: Path) -> None:
    deadline, log = time.monotonic() + 120, out / "frames.csv"
    while not (log.is_file() and len(log.read_text().splitlines()) > 1):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check_the_files(out: Path) -> tuple[int, int]:
    """Require that all files are whole and agree to one frame; return the numbers of poses and of frames."""
    counts = [len(read_poses(out / name)) for name in TRAJECTORIES]
    names, *rows = (out / "frames.csv").read_text().splitlines()
    assert {row.count(",") for row in rows} == {names.count(",")}
    assert max(counts) - min(counts) <= 1
    assert max(counts) <= len(rows) + 1
    header, _, vertices = (out / "map.ply").read_bytes().partition(b"end_header\n")
    count = re.search(rb"element vertex (\d+)", header)
    assert count is not None
    assert int(count[1]) <= len(vertices) // 15
    return min(counts), len(rows)


@pytest.mark.parametrize("moment", range(NUM_MOMENTS))
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_what_a_run_leaves_behind_can_be_evaluated(name: str, moment: int, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(out)
    wait_for_the_first_row(process, out)
    time.sleep(random.Random(f"{name} {moment}").uniform(0, LATEST_S))
    process.send_signal(signal.Signals[name])
    output, errors = process.communicate(timeout=120)
    num_poses, num_frames = check_the_files(out)
    if name == "SIGKILL":
        return
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["poses"], metrics["frames"]) == (num_poses, num_frames)
    assert metrics["complete"] is (num_frames == 150)
    assert ("stopped before the end" in output) is (num_frames < 150)


@pytest.mark.parametrize("moment", range(NUM_MOMENTS))
def test_a_terminal_that_is_closed_at_any_moment_costs_nothing(moment: int, tmp_path: Path) -> None:
    out = tmp_path / "run"
    terminal, its_end = pty.openpty()
    process = start(out, terminal=its_end)
    os.close(its_end)
    wait_s = random.Random(f"terminal {moment}").uniform(0, LATEST_S)
    closes_at_s = None  # from the first row on
    while closes_at_s is None or time.monotonic() < closes_at_s:
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 65536)  # a terminal that nobody reads would stop the run
        if closes_at_s is None and (out / "trajectory_tum.txt").is_file():
            closes_at_s = time.monotonic() + wait_s
    os.close(terminal)
    assert process.wait(timeout=300) == 0
    num_poses, num_frames = check_the_files(out)
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["poses"], metrics["frames"], metrics["complete"]) == (num_poses, num_frames, True)
    assert num_frames == 150


@pytest.mark.parametrize("moment", range(NUM_MOMENTS))
def test_a_disk_that_is_full_is_named_and_what_fits_can_be_evaluated(moment: int, tmp_path: Path) -> None:
    out = tmp_path / "run"
    # From less than the first file needs to more than the reports do; metrics.json has about 5 kB.
    num_bytes = round(10 ** random.Random(f"disk {moment}").uniform(2.0, 4.5))
    with file_limit(num_bytes):
        process = start(out, frames="0:40")
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 2, (num_bytes, output, errors)
    assert "Traceback" not in output + errors
    assert "cannot write" in errors
    assert all(path.stat().st_size > 0 for path in out.glob("*.png"))
    rows = (out / "frames.csv").read_text().splitlines() if (out / "frames.csv").is_file() else []
    assert len({row.count(",") for row in rows}) <= 1
    for name in TRAJECTORIES:
        if (out / name).is_file() and (out / name).stat().st_size > 0:
            assert len(read_poses(out / name)) <= 40


def test_a_second_run_is_kept_out_and_the_first_is_not_disturbed(tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = start(out)
    wait_for_the_first_row(first, out)
    second = start(out)
    _, errors = second.communicate(timeout=120)
    assert second.returncode == 2
    assert "another run is writing there" in errors
    first.send_signal(signal.SIGINT)
    _, errors = first.communicate(timeout=120)
    assert first.returncode == 0, errors
    num_poses, _ = check_the_files(out)
    assert json.loads((out / "metrics.json").read_text())["poses"] == num_poses


def test_a_folder_that_a_killed_run_has_left_is_free(tmp_path: Path) -> None:
    out = tmp_path / "run"
    for _ in range(2):
        process = start(out)
        wait_for_the_first_row(process, out)
        process.kill()
        process.communicate(timeout=120)
    check_the_files(out)
