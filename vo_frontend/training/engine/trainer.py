"""One training step, and everything that it changes."""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor, nn

from vo_frontend.errors import TrainingError
from vo_frontend.training.engine.checkpoint import Checkpoint
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.randomness import torch_generator
from vo_frontend.training.engine.run_config import OptimizationConfig
from vo_frontend.training.engine.schedule import learning_rate_at
from vo_frontend.training.engine.task import BatchT, LossTerms, ModelT, Objective

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What one step did: a row of ``metrics.csv``."""

    step: int
    losses: tuple[float, ...]  # means over the items of the step; LossTerms.names() names them
    gradient_norm: float  # before it was shortened
    learning_rate: float
    num_items: int  # of all processes
    skipped: int  # 1: something was not finite, the weights are as before
    seconds: float  # of computing, without waiting for data

    @property
    def total(self) -> float:
        """The loss that was minimised."""
        return self.losses[0]

    @staticmethod
    def columns(terms: type[LossTerms], item_name: str) -> list[str]:
        """Name the values of :meth:`row`."""
        rest = ("gradient_norm", "learning_rate", f"num_{item_name}", "skipped", "seconds")
        return ["step", *terms.names(), *rest]

    def row(self) -> list[float]:
        """List the values for the table."""
        rest = (self.gradient_norm, self.learning_rate, self.num_items, self.skipped, self.seconds)
        return [self.step, *self.losses, *rest]


class Trainer(Generic[ModelT, BatchT]):
    """Model, optimiser and the moving average of the weights."""

    def __init__(
        self,
        model: ModelT,
        objective: Objective[ModelT, BatchT],
        config: OptimizationConfig,
        *,
        seed: int,
        group: Group,
    ) -> None:
        self.model = model
        self._objective, self._config, self._seed, self._group = objective, config, seed, group
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._optimizer = _optimizer(self._parameters, config)
        self._average = _copy(model.state_dict()) if config.average_decay > 0 else {}
        self._num_skipped = 0

    def train_step(self, step: int, batches: Sequence[BatchT]) -> StepRecord:
        """Accumulate the gradients of all micro-batches of all processes, then move the weights.

        A step whose loss or gradient is not finite leaves everything as it was.

        Raises:
            TrainingError: too many such steps in a row.
        """
        start_s = time.perf_counter()
        learning_rate = learning_rate_at(step, self._config)
        buffers = list(self.model.buffers())  # of batch normalisation
        buffers_before = [buffer.clone() for buffer in buffers]
        losses = self._accumulate(step, batches)
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        self._group.average_([losses, *gradients, *(b for b in buffers if b.is_floating_point())])
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._config.max_gradient_norm or math.inf)
        is_finite = bool(norm.isfinite() & losses.isfinite().all())
        if is_finite:
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate
            self._optimizer.step()
            self._update_average(step)
        else:
            for buffer, before in zip(buffers, buffers_before, strict=True):
                buffer.copy_(before)
        self._count_skipped(step, is_finite)
        return StepRecord(
            step=step,
            losses=tuple(losses.tolist()),
            gradient_norm=norm.item(),
            learning_rate=learning_rate,
            num_items=sum(map(len, batches)) * self._group.size,
            skipped=int(not is_finite),
            seconds=time.perf_counter() - start_s,
        )

    def weights(self) -> dict[str, Tensor]:
        """Copy the weights to measure and to export to the CPU: the averaged ones where there are any.

        Returns the state dict of the model, values in its shapes.
        """
        state = self._average or self.model.state_dict()
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    def checkpoint(self, next_step: int) -> Checkpoint:
        """Return the state to continue with."""
        return Checkpoint(next_step, self.model.state_dict(), self._average, self._optimizer.state_dict())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint.

        Raises:
            TrainingError: it belongs to another network.
        """
        try:
            self.model.load_state_dict(checkpoint.network)
            self._optimizer.load_state_dict(checkpoint.optimizer)
        except (RuntimeError, ValueError):
            raise TrainingError(
                "the checkpoint is of another network; resume with the network it was started with"
            ) from None
        if self._average:
            device = next(self.model.parameters()).device
            average = checkpoint.average or checkpoint.network
            self._average = {name: value.to(device) for name, value in _copy(average).items()}

    def _accumulate(self, step: int, batches: Sequence[BatchT]) -> Tensor:
        """Leave the mean gradient in the parameters. Returns the T mean losses (T,)."""
        device = self._parameters[0].device
        self.model.train()
        for parameter in self._parameters:
            parameter.grad = torch.zeros_like(parameter)  # also where this process's items give none
        losses = torch.zeros(len(self._objective.terms.names()), device=device)
        for part, batch in enumerate(batches):
            place = self._group.rank * len(batches) + part
            generator = torch_generator(device, self._seed, step, place)
            terms = self._objective(self.model, batch.to(device), generator)
            torch.autograd.backward(terms.total / len(batches))
            losses += terms.values() / len(batches)
        return losses

    @torch.no_grad()
    def _update_average(self, step: int) -> None:
        decay = min(self._config.average_decay, (1 + step) / (10 + step))  # forget the random start soon
        state = self.model.state_dict()
        for name, average in self._average.items():
            if average.is_floating_point():
                average.lerp_(state[name], 1 - decay)
            else:
                average.copy_(state[name])

    def _count_skipped(self, step: int, is_finite: bool) -> None:
        if is_finite:
            self._num_skipped = 0
            return
        self._num_skipped += 1
        log.warning("step %d: loss or gradient is not finite, the step is skipped", step)
        if self._num_skipped >= self._config.max_skipped:
            raise TrainingError(
                f"step {step}: {self._num_skipped} steps in a row without a finite loss and gradient; resume "
                "with a lower optimization.learning_rate"
            )


def _optimizer(parameters: list[nn.Parameter], config: OptimizationConfig) -> torch.optim.Optimizer:
    if config.method == "sgd":
        return torch.optim.SGD(parameters, lr=config.learning_rate, momentum=config.momentum)
    return torch.optim.Adam(parameters, lr=config.learning_rate)


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}
