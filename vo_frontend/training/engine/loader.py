"""Micro-batches in order, made ahead in background processes.

A micro-batch is a function of the seed, the step and its number within the step, whoever makes it.
"""

import os
import signal
import sys
from collections.abc import Iterator
from typing import Generic

from torch.utils.data import DataLoader, Dataset

from vo_frontend.errors import VoError
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.randomness import sample_rng
from vo_frontend.training.engine.run_config import OptimizationConfig
from vo_frontend.training.engine.task import BatchSource, BatchT

MAX_WORKERS = 8


def micro_batches(
    source: BatchSource[BatchT],
    config: OptimizationConfig,
    *,
    seed: int,
    first_step: int,
    group: Group,
    workers: int | None,
) -> Iterator[list[BatchT]]:
    """Yield what each step from ``first_step`` on consists of: ``config.accumulation`` micro-batches.

    All processes of the group together draw the items that one process with ``group.size`` times the
    accumulation draws. How many ``workers`` make them does not matter to what they are; None takes as
    many as this process has cores for.

    Raises:
        VoError: an item cannot be read.
    """
    dataset = _MicroBatches(source, config.batch, config.accumulation, seed, group.rank)
    num_workers = workers_for(_num_cores()) if workers is None else workers
    numbers = range(first_step * config.accumulation, config.steps * config.accumulation)
    loader: DataLoader[BatchT | VoError] = DataLoader(
        dataset,
        batch_size=None,
        sampler=numbers,
        num_workers=num_workers,
        multiprocessing_context="spawn" if num_workers else None,  # numba and CUDA do not survive a fork
        collate_fn=_as_it_is,
        worker_init_fn=_ignore_stop_signals,
    )
    step: list[BatchT] = []
    for batch in loader:
        if isinstance(batch, VoError):
            raise batch
        step.append(batch)
        if len(step) == config.accumulation:
            yield step
            step = []


def _num_cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers_for(cores: int) -> int:
    """Choose how many processes make batches where ``cores`` are shared by the trainers of this machine.

    Each trainer keeps one core for itself; beyond ``MAX_WORKERS`` it is the disk or the GPU that waits.
    """
    trainers = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # set by torchrun
    return min(max(cores // trainers - 1, 1), MAX_WORKERS)


class _MicroBatches(Dataset["BatchT | VoError"], Generic[BatchT]):
    """Micro-batches of one process, numbered through all steps."""

    def __init__(
        self, source: BatchSource[BatchT], batch: int, accumulation: int, seed: int, rank: int
    ) -> None:
        self._source, self._batch, self._accumulation = source, batch, accumulation
        self._seed, self._rank = seed, rank

    def __getitem__(self, number: int) -> BatchT | VoError:
        step, part = divmod(number, self._accumulation)
        first_slot = (self._rank * self._accumulation + part) * self._batch
        slots = range(first_slot, first_slot + self._batch)
        try:
            return self._source.batch([sample_rng(self._seed, step, slot) for slot in slots])
        except VoError as error:  # as a value: torch would wrap the traceback of the worker into its message
            return error


def _as_it_is(batch: BatchT) -> BatchT:
    return batch


def _ignore_stop_signals(worker: int) -> None:
    """Ctrl-C and a job's SIGTERM reach every process; only the trainer decides what they mean."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
