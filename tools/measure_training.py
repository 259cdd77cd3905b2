"""Measure time and peak memory of a training step with each descriptor loss, and time to make a pair.

    python tools/measure_training.py --images DIR
    python tools/measure_training.py --images DIR --crop 480 --losses sparse_nre dense_nre --device cuda

Every row comes from a process of its own: the same network, pairs and number of steps, only the loss
differs. Memory is the peak of the steps above what the process held before them. Linux only.
"""

import argparse
import ctypes
import multiprocessing
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vo_frontend.errors import VoError
from vo_frontend.features.devices import select_device
from vo_frontend.training.data.homography_pairs import HomographyPairs, find_images
from vo_frontend.training.data.pairs import stack
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.run_config import OptimizationConfig
from vo_frontend.training.engine.trainer import Trainer
from vo_frontend.training.local_features.initialisation import random_network
from vo_frontend.training.local_features.objective import LocalFeatureObjective
from vo_frontend.training.local_features.train_config import DESCRIPTOR_LOSSES, ObjectiveConfig

PROC = Path("/proc/self")
RESET_PEAK = "5"  # man 5 proc_pid_clear_refs


@dataclass(frozen=True, slots=True)
class Case:
    """What one process measures."""

    network: str
    descriptor: str
    images: Path
    crop_px: int
    num_steps: int
    num_threads: int
    device: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What it found, with one pair per step."""

    step_s: float  # median wall time
    cpu_s: float  # per step, all threads
    pair_cpu_s: float  # to make one pair
    peak_mib: float


def measure(case: Case) -> Measured:
    """Take some training steps."""
    torch.set_num_threads(case.num_threads)
    device = select_device(case.device)
    config = OptimizationConfig(steps=case.num_steps + 1, warmup_steps=0)
    objective = LocalFeatureObjective(ObjectiveConfig(descriptor=case.descriptor))
    network = random_network(case.network, seed=0).to(device)
    trainer = Trainer(network, objective, config, seed=0, group=Group(device=device))
    source = HomographyPairs(find_images(case.images), case.crop_px)
    source.pair(0, np.random.default_rng(0))  # compiles
    start_s = time.process_time()
    pairs = [
        source.pair(step % len(source), np.random.default_rng(step)) for step in range(case.num_steps + 1)
    ]
    pair_cpu_s = (time.process_time() - start_s) / len(pairs)
    trainer.train_step(0, [stack(pairs[:1])])  # compiles, and allocates the optimiser's state
    before_mib = _reset_peak(device)
    start_s = time.process_time()
    seconds = [trainer.train_step(step, [stack([pairs[step]])]).seconds for step in range(1, len(pairs))]
    cpu_s = (time.process_time() - start_s) / case.num_steps
    return Measured(float(np.median(seconds)), cpu_s, pair_cpu_s, _peak_mib(device) - before_mib)


def main() -> int:
    """Print one row per loss and number of threads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--network", default="aliked-t16")
    parser.add_argument("--crop", type=int, default=256, metavar="PX")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--losses", nargs="+", choices=DESCRIPTOR_LOSSES, default=DESCRIPTOR_LOSSES)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    print(f"{args.network}, {args.crop} px, {args.steps} steps of one pair, {args.device}")
    print("loss        threads  s/step  pairs/s  CPU s/step  CPU s to make a pair  peak MiB")
    for num_threads in args.threads:
        for descriptor in args.losses:
            case = Case(
                args.network, descriptor, args.images, args.crop, args.steps, num_threads, args.device
            )
            try:
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    found = pool.apply(measure, (case,))
            except VoError as error:
                print(f"error: {error}", file=sys.stderr)
                return 2
            print(
                f"{descriptor:<11} {num_threads:7d} {found.step_s:7.3f} {1 / found.step_s:8.2f} "
                f"{found.cpu_s:11.2f} {found.pair_cpu_s:21.3f} {found.peak_mib:9.0f}"
            )
    return 0


def _reset_peak(device: torch.device) -> float:
    """Start a new peak of memory. Returns what is held now, in MiB."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device) / 2**20
    ctypes.CDLL(None).malloc_trim(0)  # what the allocator keeps from before would hide what the steps take
    (PROC / "clear_refs").write_text(RESET_PEAK)
    return _status_mib("VmRSS")


def _peak_mib(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return _status_mib("VmHWM")


def _status_mib(field: str) -> float:
    lines = (PROC / "status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    sys.exit(main())
