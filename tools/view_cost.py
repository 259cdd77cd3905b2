"""Measure what a view costs a run: frames/s, processor time and memory, in turns with a run without it.

    python tools/view_cost.py --rounds 3 -- --seq kitti/06
    python tools/view_cost.py --rounds 1 -- --frames 0:5000 --features orb --keypoints 300

Linux only. A window opens on a virtual screen of its own, so Xvfb must be there.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

VIEWS = {"none": ["--no-view"], "window": [], "rerun": ["--view", "rerun"]}  # a window that nobody must close
SETTLED_FRAMES = 500  # after which memory should stay as it is
PERIOD_S = 2.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Holds what one run has cost."""

    frames_per_second: float
    cpu_ms_per_frame: float  # of the estimator's process
    view_cpu_ms_per_frame: float
    shown: str
    memory_mb: dict[str, tuple[float, float]]  # by process: after SETTLED_FRAMES, and at most after that


def measure(view: str, arguments: list[str]) -> Cost:
    """Run once, and look at its processes while it lasts."""
    screen = ["xvfb-run", "-a", "-s", "-screen 0 1300x800x24"] if view == "window" else []
    hidden = ("DISPLAY", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    memory: dict[str, list[tuple[int, float]]] = {}
    cpu_s: dict[str, float] = {}
    pid_of: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        out, log = Path(folder) / "run", Path(folder) / "output"
        command = [*screen, sys.executable, "run_vo.py", *arguments, *VIEWS[view], "--out", str(out)]
        with log.open("w") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
            while process.poll() is None:
                num_frames = count_lines(out / "frames.csv") - 1
                is_over = (out / "metrics.json").exists()
                for role, pid in ({} if is_over else find_processes(process.pid, view)).items():
                    if pid_of.setdefault(role, pid) == pid:  # the first process of its kind
                        memory.setdefault(role, []).append((num_frames, resident_mb(pid)))
                        cpu_s[role] = processor_s(pid)
                time.sleep(PERIOD_S)
        if process.returncode:
            sys.exit(log.read_text())
        metrics = json.loads((out / "metrics.json").read_text())
        shown = re.search(r"view: (.*) shown", log.read_text())
    num_frames = metrics["frames"]
    return Cost(
        metrics["fps"],
        1e3 * cpu_s.get("run", 0.0) / num_frames,
        1e3 * cpu_s.get("view", 0.0) / num_frames,
        shown[1] if shown else "-",
        {role: growth(samples) for role, samples in memory.items()},
    )


def growth(samples: list[tuple[int, float]]) -> tuple[float, float]:
    """Return the memory when it should have settled, and the most after that, MB."""
    after = [memory_mb for num_frames, memory_mb in samples if num_frames >= SETTLED_FRAMES]
    return (after[0], max(after)) if after else (samples[-1][1], samples[-1][1])


def find_processes(root: int, view: str) -> dict[str, int]:
    """Return the ids of the run and of its view, as far as they have started."""
    found = {}
    for pid in [root, *descendants(root)]:
        command = read(f"/proc/{pid}/cmdline")
        if "run_vo.py" in command and "xvfb-run" not in command:
            found["run"] = pid
        elif "spawn_main" in command and view != "none":
            found.setdefault("view", pid)
    return found


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes below one."""
    children = [int(each) for each in read(f"/proc/{pid}/task/{pid}/children").split()]
    return [*children, *(below for child in children for below in descendants(child))]


def resident_mb(pid: int) -> float:
    """Return the memory that a process holds, MB, without pages of files that it has mapped."""
    found = re.search(r"RssAnon:\s+(\d+)", read(f"/proc/{pid}/status"))
    return int(found[1]) / 1024 if found else 0.0


def processor_s(pid: int) -> float:
    """Return the processor time that a process has used, s."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S if fields else 0.0


def count_lines(path: Path) -> int:
    """Count the lines of a file that may not be there."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def read(path: str) -> str:
    """Read a file of /proc, empty where the process has ended."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def main() -> None:
    """Measure every view in turns and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--views", nargs="+", choices=VIEWS, default=list(VIEWS))
    parser.add_argument("arguments", nargs="+", help="of vo-frontend run, after --")
    args = parser.parse_args()
    costs: dict[str, list[Cost]] = {view: [] for view in args.views}
    for _ in range(args.rounds):
        for view, found in costs.items():
            found.append(measure(view, args.arguments))
            print(f"{view:<8}{found[-1]}", flush=True)
    for view, found in costs.items():
        rates = [cost.frames_per_second for cost in found]
        against = [
            cost.frames_per_second / other.frames_per_second
            for cost, other in zip(found, costs[args.views[0]], strict=True)
        ]
        print(
            f"{view:<8}{median(rates):6.2f} frames/s  {median(against):5.2f} x {args.views[0]}  "
            f"{median(cost.cpu_ms_per_frame for cost in found):6.1f} ms of the processor per frame, view "
            f"{median(cost.view_cpu_ms_per_frame for cost in found):6.1f} ms"
        )


if __name__ == "__main__":
    main()
