"""First calls, memory and whole runs, each measured in a fresh process (see ``process.py``)."""

import itertools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vo_frontend.experiments.speed.images import Size, load_images
from vo_frontend.experiments.speed.plan import DEFAULT_BUDGET, BenchmarkPlan
from vo_frontend.experiments.speed.process import run_task
from vo_frontend.experiments.tables import Section

NUM_WARM_STARTS = 3


@dataclass(frozen=True, slots=True)
class FirstCallRow:
    """Time from the start of the process to the first features: imports, weights and compiling included."""

    features: str
    size: str
    caches: str  # of compiled code: warm, or cold as on the very first use
    first_features_s: float


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """Resident memory of a fresh process on the CPU."""

    features: str
    size: str
    keypoints: int
    loaded_mb: float  # Python, libraries and model
    first_peak_above_mb: float  # during the first extraction, above the loaded model
    next_peak_above_mb: float  # during the second one, also above the loaded model
    frames: int  # then so many, each of another size
    growth_mb: float  # over the last nine tenths of them


@dataclass(frozen=True, slots=True)
class RunRow:
    """A whole run through the pipeline."""

    sequence: str
    sensor: str
    features: str
    keypoints: int
    frames: int
    poses: int
    frames_per_second: float
    peak_memory_mb: float


@dataclass(frozen=True, slots=True)
class RunStageRow:
    """Time of one stage over the frames of a run."""

    sequence: str
    sensor: str
    features: str
    stage: str
    p50_ms: float
    p95_ms: float


def measure_first_calls(plan: BenchmarkPlan) -> Section:
    """Time the first features at the first size, with warm and with cold caches of compiled code."""
    size = plan.sizes[0]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        image_path = _stored_image(size, plan.data_root, Path(folder))
        for name in plan.features:
            arguments = _task_arguments(plan, name, image_path=image_path)
            warm_s = [_first_call_s(arguments) for _ in range(NUM_WARM_STARTS)]
            rows.append(FirstCallRow(name, str(size), "warm", float(np.median(warm_s))))
            rows.append(FirstCallRow(name, str(size), "cold", _first_call_s(arguments, cold_caches=True)))
    return Section("first_call", "From the start of the process to the first features", rows)


def measure_memory(plan: BenchmarkPlan, num_frames: int) -> Section:
    """Measure the memory of an extraction at the largest size, and its growth over ``num_frames``."""
    size = max(plan.sizes, key=lambda size: size.width * size.height)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        image_path = _stored_image(size, plan.data_root, Path(folder))
        for name in plan.features:
            arguments = _task_arguments(plan, name, image_path=image_path, num_frames=num_frames)
            found = run_task("memory", arguments)
            rows.append(MemoryRow(name, str(size), DEFAULT_BUDGET, frames=num_frames, **found))
    return Section("memory", "Memory of an extraction", rows)


def measure_runs(plan: BenchmarkPlan, sequence: str) -> Iterator[Section]:
    """Run a sequence by every sensor with all features: the runs, then their stages."""
    data_root = str(plan.data_root) if plan.data_root else None
    runs: list[RunRow] = []
    stages: list[RunStageRow] = []
    for sensor, name in itertools.product(plan.sensors, plan.features):
        frames = {"sequence": sequence, "sensor": sensor, "frames": plan.frames, "data_root": data_root}
        found = run_task("run", _task_arguments(plan, name, **frames))
        stages += [RunStageRow(sequence, sensor, name, *stage) for stage in found.pop("stages")]
        runs.append(RunRow(sensor=sensor, features=name, keypoints=DEFAULT_BUDGET, **found))
    yield Section("runs", "Whole runs on the CPU, without pictures", runs)
    yield Section("run_stages", "Stages of these runs, per frame", stages)


def _first_call_s(arguments: dict[str, Any], *, cold_caches: bool = False) -> float:
    start_s = time.time()
    return float(run_task("first-call", arguments, cold_caches=cold_caches)["ready_s"] - start_s)


def _stored_image(size: Size, data_root: Path | None, folder: Path) -> str:
    path = folder / "image.npy"
    np.save(path, load_images(size, data_root, num_images=1).images[0])
    return str(path)


def _task_arguments(plan: BenchmarkPlan, name: str, **more: Any) -> dict[str, Any]:
    weights_dir = str(plan.weights_dir) if plan.weights_dir else None
    return {"name": name, "max_keypoints": DEFAULT_BUDGET, "weights_dir": weights_dir, **more}
