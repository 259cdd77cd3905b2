"""What a task brings to the engine: a model, batches to learn from, a loss, and a measure of quality.

The engine brings the rest: loader, optimiser, schedule, checkpoints, tables, several processes. A second task
is a second set of these parts, not a second loop.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class LossTerms:
    """Losses of a batch, each (): means over its items.

    A task derives its own class and adds the terms of its total; their names become columns of
    ``metrics.csv``.
    """

    total: Tensor  # what is minimised

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Name the T losses, the total first."""
        return tuple(field.name for field in fields(cls))

    def values(self) -> Tensor:
        """Return the losses (T,) in the order of their names, without gradients."""
        return torch.stack([getattr(self, name).detach() for name in self.names()])


@dataclass(frozen=True, slots=True)
class ValidationRecord(ABC):
    """What one validation measured: a row of ``validation.csv``. A task derives its own class."""

    quality_name: ClassVar[str] = (
        ""  # the field that the best weights have most of; empty: only the last are kept
    )

    step: int

    @abstractmethod
    def summary(self) -> str:
        """Say in one line how good the model is."""


class Batch(Protocol):
    """Items that go through the network together."""

    def __len__(self) -> int:
        """Count the items."""
        ...

    def to(self: "BatchT", device: torch.device) -> "BatchT":
        """Copy all tensors to a device."""
        ...


ModelT = TypeVar("ModelT", bound=nn.Module)
ModelT_contra = TypeVar("ModelT_contra", bound=nn.Module, contravariant=True)
BatchT = TypeVar("BatchT", bound=Batch)
BatchT_co = TypeVar("BatchT_co", bound=Batch, covariant=True)
BatchT_contra = TypeVar("BatchT_contra", bound=Batch, contravariant=True)


class BatchSource(Protocol[BatchT_co]):
    """Makes batches. It keeps no position, and background processes have copies of it."""

    def batch(self, rngs: Sequence[np.random.Generator]) -> BatchT_co:
        """Make one item from each generator, and put them into a batch on the CPU.

        Raises:
            VoError: an item cannot be read.
        """
        ...


class Objective(Protocol[ModelT_contra, BatchT_contra]):
    """Turns a model and a batch into a loss to minimise."""

    @property
    def terms(self) -> type[LossTerms]:
        """The class of what a call returns."""
        ...

    def __call__(
        self, model: ModelT_contra, batch: BatchT_contra, generator: torch.Generator, /
    ) -> LossTerms:
        """Evaluate the loss of a batch on the model's device; all that is random comes from ``generator``."""
        ...


class Validation(Protocol[ModelT_contra]):
    """Measures a model on items that are never trained on."""

    @property
    def record(self) -> type[ValidationRecord]:
        """The class of what a call returns."""
        ...

    def __call__(self, model: ModelT_contra, step: int, folder: Path, /) -> ValidationRecord:
        """Measure the weights after a step; may write pictures into the folder of the run.

        Raises:
            OutputError: a picture cannot be written.
        """
        ...


Weights = dict[str, Tensor]  # a state dict


def _all_of_them(weights: Weights) -> Weights:
    return weights


@dataclass(frozen=True)
class Task(Generic[ModelT, BatchT]):
    """The parts that a training run is made of."""

    model: ModelT  # with its first weights, the same in all processes, on the device of this one
    batches: BatchSource[BatchT]
    objective: Objective[ModelT, BatchT]
    open_validation: Callable[[], Validation[ModelT]]  # called once, and only in the process that writes
    item_name: str = "items"  # plural, for the tables and the terminal
    export: Callable[[Weights], Weights] = _all_of_them  # what a user of the model gets of its weights
