"""``run_vo.py`` in this process or in one of its own, and what a run leaves."""

import os
import subprocess
import sys
import time
from pathlib import Path

import cv2

from vo_frontend.cli.run import main
from vo_frontend.simulation.street import SyntheticSource

ROOT = Path(__file__).parents[2]
RUN_FILES = {
    "config.yaml", "trajectory_tum.txt", "trajectory_kitti.txt", "trajectory_kitti_frames.txt",
    "trajectory_euroc.csv", "trajectory_online_tum.txt", "trajectory_online_kitti.txt",
    "trajectory_online_kitti_frames.txt", "trajectory_online_euroc.csv",
    "map.ply", "metrics.json", "trajectory.png", "log.txt", "frames.csv", "errors.csv",
    "map.png", "report.html",
}  # fmt: skip
FAST = ["--features", "orb", "--no-view"]
TRAJECTORY = Path("run/trajectory_tum.txt")


def run_in_process(*args: str) -> int:
    return main([*FAST, *args])


def start_process(*args: str) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if k not in ("VO_DATA_ROOT", "VO_WEIGHTS_DIR")}
    command = [sys.executable, str(ROOT / "run_vo.py"), *args]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_poses(process: "subprocess.Popen[str]", num_poses: int) -> None:
    """Wait until a run with ``--out run`` has written so many."""
    wait_for_rows(process, num_poses, TRAJECTORY)


def wait_for_rows(process: "subprocess.Popen[str]", num_rows: int, path: Path) -> None:
    """Wait until a file of a run has so many lines that are no comments."""
    deadline = time.monotonic() + 120
    while _num_rows(path) < num_rows:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _num_rows(path: Path) -> int:
    if not path.is_file():
        return 0
    return sum(not line.startswith("#") for line in path.read_text().splitlines())


def write_street(folder: Path, num_frames: int) -> Path:
    """Write the begin of the built-in street as an image folder with its camera file; return the folder."""
    source = SyntheticSource(frames=slice(0, num_frames))
    for frame in source:
        assert frame.image is not None
        cv2.imwrite(str(folder / f"{frame.index:04}.png"), cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    c = source.camera
    (folder / "cam.yaml").write_text(
        f"intrinsics: [{c.fx}, {c.fy}, {c.cx}, {c.cy}]\nresolution: [{c.width}, {c.height}]\n"
    )
    return folder
