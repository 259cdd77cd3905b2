"""A first look at the frames while kernels are compiled, once on a machine: by the readable network, which
needs none. What it finds is shown and forgotten: the run begins with the same frame, and knows nothing of it.

It is made in a process of its own, which this module run as a program is: torch, its memory and its failures
stay out of the run.
"""

import json
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vo_frontend.compute.compile_ahead import Compilation, Readiness
from vo_frontend.compute.threads import THREADS_VARIABLE
from vo_frontend.config import Config
from vo_frontend.reports.machine import num_cores
from vo_frontend.run_config import RunConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What whoever starts a run is asked and told while its kernels are compiled."""

    stop_requested: Callable[[], bool]
    report: Callable[[Readiness], None]


class ColdStart:
    """Watches a :class:`Compilation`: one first look, a count of what is ready, and an ear for a stop."""

    def __init__(self, config: Config, waiting: Waiting) -> None:
        self._config, self._waiting = config, waiting
        self._process: subprocess.Popen[bytes] | None = None
        self._has_looked = not may_be_opened_twice(config.run)

    def __call__(self, compilation: Compilation) -> bool:
        """Begin, go on with or end the look, and tell whether the run goes on."""
        if not self._has_looked:
            self._has_looked = True
            self._process = _start(self._config)
        elif self._process is not None and self._process.poll() is not None:
            _tell(self._process)
            self._process = None
        if self._process is None:
            compilation.use(num_cores())
        self._waiting.report(compilation.readiness())
        return not self._waiting.stop_requested()

    @property
    def is_looking(self) -> bool:
        """Whether the first look has begun and not ended."""
        return self._process is not None

    def close(self) -> None:
        """End a look that comes too late."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def may_be_opened_twice(run: RunConfig) -> bool:
    """Tell whether another process may read the same frames: no camera, stream or pipe."""
    files = [path for path in (run.video, run.video_right, run.bag) if path is not None]
    return run.webcam is None and all(Path(path).exists() and not Path(path).is_fifo() for path in files)


def _start(config: Config) -> "subprocess.Popen[bytes] | None":
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, THREADS_VARIABLE: "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdin is not None
        pickle.dump(config, process.stdin)
        process.stdin.close()
        process.stdin = None
    except OSError:
        return None
    return process


def _tell(process: "subprocess.Popen[bytes]") -> None:
    answer, _ = process.communicate()
    try:
        num_keypoints = json.loads(answer)
    except ValueError:  # it failed; the run says what is wrong with its frames, if it is they
        return
    found = "no image" if num_keypoints is None else f"{num_keypoints} keypoints"
    log.info("first frame: %s, found without kernels; the run begins when they are compiled", found)


def look(config: Config) -> int | None:
    """Count the keypoints of the first frame without a kernel; None where it cannot be decoded.

    Raises:
        VoError: there are no frames, or no weights.
    """
    from vo_frontend.features.loading import load_readable_extractor
    from vo_frontend.session.opened_input import open_input

    features = config.features
    image = next(iter(open_input(config.run).source)).image
    if image is None:
        return None
    extractor = load_readable_extractor(
        features.name,
        max_keypoints=features.max_keypoints,
        weights_dir=config.run.weights_dir,
        score_threshold=features.score_threshold,
        image_scale=features.image_scale,
    )
    return len(extractor.extract(image).scores)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look(pickle.load(sys.stdin.buffer))))
