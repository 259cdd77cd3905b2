"""Measure in a process of its own what needs one: the first call, memory, and a whole run.

The child is this module too: ``python -m vo_frontend.experiments.speed.process TASK ARGUMENTS``, with keyword
arguments and result as JSON.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vo_frontend.errors import VoError
from vo_frontend.experiments.speed.resident import peak_mb, resident_mb
from vo_frontend.session.cores import share_the_cores

# Where compiled code is kept between processes.
CACHE_VARIABLES = ("NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TORCH_EXTENSIONS_DIR", "TRITON_CACHE_DIR")
WARM_UP_SHARE = 0.1  # of the frames of changing sizes, before memory has to stay as it is


def run_task(task: str, arguments: Mapping[str, Any], *, cold_caches: bool = False) -> dict[str, Any]:
    """Run one of ``TASKS`` in a fresh interpreter and return its result.

    Raises:
        VoError: the child failed; the message is its last line.
    """
    with _cache_environment(cold_caches) as environment:
        child = subprocess.run(
            [sys.executable, "-m", __spec__.name, task, json.dumps(arguments)],
            capture_output=True,
            text=True,
            env=environment,
        )
    if child.returncode:
        last_line = (child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        raise VoError(f"{task}, in a process of its own: {last_line.removeprefix('error: ')}")
    result: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return result


@contextlib.contextmanager
def _cache_environment(cold: bool) -> Iterator[dict[str, str]]:
    if not cold:
        yield dict(os.environ)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield {**os.environ, **{name: f"{folder}/{name.lower()}" for name in CACHE_VARIABLES}}


def first_call(name: str, max_keypoints: int, image_path: str, weights_dir: str | None) -> dict[str, float]:
    """Note when the first features are there, on the clock that the caller can read too."""
    import numpy as np

    from vo_frontend.features import load_extractor

    extractor = load_extractor(
        name,
        max_keypoints=max_keypoints,
        device="cpu",
        weights_dir=Path(weights_dir) if weights_dir else None,
    )
    image = np.load(image_path)
    extractor.extract(image)
    return {"ready_s": time.time()}


def memory(
    name: str,
    max_keypoints: int,
    image_path: str,
    weights_dir: str | None,
    num_frames: int,
) -> dict[str, float]:
    """Measure the peak of one extraction above the loaded model, and growth over frames of changing sizes."""
    import numpy as np

    from vo_frontend.features import load_extractor
    from vo_frontend.features.image import MIN_SIZE_PX

    extractor = load_extractor(
        name,
        max_keypoints=max_keypoints,
        device="cpu",
        weights_dir=Path(weights_dir) if weights_dir else None,
    )
    image = np.load(image_path)
    loaded_mb = resident_mb()
    first_peak_mb = peak_mb(lambda: extractor.extract(image))
    next_peak_mb = peak_mb(lambda: extractor.extract(image))
    rng = np.random.default_rng(0)
    settled_mb = last_mb = resident_mb()
    for index in range(num_frames):
        height, width = rng.integers(MIN_SIZE_PX, np.add(image.shape[:2], 1))
        extractor.extract(np.ascontiguousarray(image[:height, :width]))
        last_mb = resident_mb()
        if index <= WARM_UP_SHARE * num_frames:
            settled_mb = max(settled_mb, last_mb)
    return {
        "loaded_mb": loaded_mb,
        "first_peak_above_mb": first_peak_mb - loaded_mb,
        "next_peak_above_mb": next_peak_mb - loaded_mb,
        "growth_mb": last_mb - settled_mb,
    }


def run(
    name: str,
    max_keypoints: int,
    weights_dir: str | None,
    sequence: str,
    sensor: str,
    frames: str | None,
    data_root: str | None,
) -> dict[str, Any]:
    """Run a session on a sequence as ``vo-frontend run`` does, short of pictures and errors."""
    from vo_frontend.reports.run_metrics import peak_memory_mb
    from vo_frontend.reports.statistics import StatisticsSink
    from vo_frontend.session.file_sinks import file_sinks
    from vo_frontend.session.load_features import load_features
    from vo_frontend.session.opened_input import open_input
    from vo_frontend.session.options import configure
    from vo_frontend.session.session import Session

    config = configure(
        features=name,
        keypoints=max_keypoints,
        device="cpu",
        weights_dir=weights_dir,
        sequence=sequence,
        sensor=sensor,
        frames=frames,
        data_root=data_root,
    )
    source = open_input(config.run).source
    session = Session.for_source(config, source, load_features(config))
    statistics = StatisticsSink()
    with tempfile.TemporaryDirectory() as folder:
        session.run(source, [*file_sinks(Path(folder), session), statistics])
    found = statistics.summary()
    stages = {**found.stage_ms, **({"frame": found.frame_ms} if found.frame_ms else {})}
    return {
        "sequence": source.name,
        "frames": found.num_frames,
        "poses": found.num_poses,
        "frames_per_second": found.frames_per_second,
        "peak_memory_mb": peak_memory_mb(),
        "stages": [[stage, value.p50, value.p95] for stage, value in stages.items()],
    }


def cost(part: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Measure one part of the cost curves."""
    from vo_frontend.experiments.speed.costs.parts import measure_part

    return {"rows": measure_part(part, arguments)}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "first-call": first_call,
    "memory": memory,
    "run": run,
    "cost": cost,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one task in this process. Returns the exit code: 0, or 2 for an error that the user can fix."""
    task, arguments = sys.argv[1:] if argv is None else argv
    if task in ("run", "cost"):  # as `vo-frontend run` does, not with the threads of the matching benchmark
        os.environ.pop("OPENBLAS_NUM_THREADS", None)
        share_the_cores()
    try:
        print(json.dumps(TASKS[task](**json.loads(arguments))))
    except VoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
