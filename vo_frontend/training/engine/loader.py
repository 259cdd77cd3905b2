"""Micro-batches in order, made ahead in background processes.

A micro-batch is a function of the seed, the step and its number within the step, whoever makes it.
"""

import signal
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset

from vo_frontend.errors import VoError
from vo_frontend.training.data.pairs import ImagePair, PairBatch, PairSource, stack
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.randomness import sample_rng
from vo_frontend.training.local_features.train_config import OptimizationConfig


def micro_batches(
    source: PairSource,
    config: OptimizationConfig,
    *,
    seed: int,
    first_step: int,
    group: Group,
    workers: int,
) -> Iterator[list[PairBatch]]:
    """Yield what each step from ``first_step`` on consists of: ``config.accumulation`` micro-batches.

    All processes of the group together draw the pairs that one process with ``group.size`` times the
    accumulation draws.

    Raises:
        VoError: a pair cannot be read.
    """
    dataset = _MicroBatches(source, config.batch, config.accumulation, seed, group.rank, group.size)
    numbers = range(first_step * config.accumulation, config.steps * config.accumulation)
    loader: DataLoader[PairBatch | VoError] = DataLoader(
        dataset,
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,  # numba and CUDA do not survive a fork
        collate_fn=_as_it_is,
        worker_init_fn=_ignore_stop_signals,
    )
    step: list[PairBatch] = []
    for batch in loader:
        if isinstance(batch, VoError):
            raise batch
        step.append(batch)
        if len(step) == config.accumulation:
            yield step
            step = []


class _MicroBatches(Dataset["PairBatch | VoError"]):
    def __init__(
        self, source: PairSource, batch: int, accumulation: int, seed: int, rank: int, size: int
    ) -> None:
        self._source, self._batch, self._accumulation = source, batch, accumulation
        self._seed, self._rank, self._size = seed, rank, size

    def __getitem__(self, number: int) -> PairBatch | VoError:
        step, part = divmod(number, self._accumulation)
        first_slot = (self._rank * self._accumulation + part) * self._batch
        try:
            return stack([self._pair(step, first_slot + offset) for offset in range(self._batch)])
        except VoError as error:  # as a value: torch would wrap the traceback of the worker into its message
            return error

    def _pair(self, step: int, slot: int) -> ImagePair:
        rng = sample_rng(self._seed, step, slot)
        return self._source.pair(int(rng.integers(len(self._source))), rng)


def _as_it_is(batch: Any) -> Any:
    return batch


def _ignore_stop_signals(worker: int) -> None:
    """Ctrl-C and a job's SIGTERM reach every process; only the trainer decides what they mean."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
