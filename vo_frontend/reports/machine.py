"""The machine and the versions of packages that a result was made with."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Distributions per import name: OpenCV goes by several.
_DISTRIBUTIONS = {
    "vo_frontend": ("vo_frontend",),
    "torch": ("torch",),
    "numpy": ("numpy",),
    "opencv": ("opencv-python", "opencv-python-headless", "opencv-contrib-python"),
    "numba": ("numba",),
    "poselib": ("poselib",),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """Describes what a result depends on besides our code and its input."""

    cpu: str  # as the system names it
    cores: int  # that this process may use
    load: float | None  # processes that ran or waited for a core during the last minute; None: not known
    versions: Mapping[str, str | None]  # of Python and packages; None for one that is not installed


def this_machine(*packages: str) -> Machine:
    """Describe this machine now; ``packages`` are distributions whose versions matter besides our own."""
    wanted = {**_DISTRIBUTIONS, **{name: (name,) for name in packages}}
    installed = {name: _version(distributions) for name, distributions in wanted.items()}
    return Machine(
        _cpu_model(), num_cores(), _load_average(), {"python": platform.python_version(), **installed}
    )


def num_cores() -> int:
    """Count the cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _load_average() -> float | None:
    if sys.platform == "win32":
        return None
    return os.getloadavg()[0]


def _version(distributions: Sequence[str]) -> str | None:
    for distribution in distributions:
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
