"""A whole training run in a folder: steps, tables, checkpoints and the weights in the end."""

import copy
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Generic

from vo_frontend.training.engine.checkpoint import load_newest, save_checkpoint, save_file
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.loader import micro_batches
from vo_frontend.training.engine.metrics import MetricsFile, read_column
from vo_frontend.training.engine.run_config import RunConfig
from vo_frontend.training.engine.run_folder import (
    BEST_WEIGHTS_NAME,
    METRICS_NAME,
    VALIDATION_NAME,
    WEIGHTS_NAME,
    write_config,
)
from vo_frontend.training.engine.task import BatchT, ModelT, Task, ValidationRecord
from vo_frontend.training.engine.trainer import StepRecord, Trainer


def train(
    task: Task[ModelT, BatchT],
    config: RunConfig,
    folder: Path,
    *,
    group: Group,
    should_stop: Callable[[], bool],
    report_step: Callable[[StepRecord], None],
    report_validation: Callable[[ValidationRecord], None],
) -> int:
    """Train from the newest checkpoint in a folder, or from the start, to the end or until asked to stop.

    Either way it leaves a checkpoint and ``weights.pth``; and ``best.pth`` where records name a quality.

    Args:
        task: what to train, on what, towards what; its model is trained in place.
        config: the options of the loop; written to the folder with the sections of the task.
        folder: existing folder of this run; only the leader of the group writes there.
        group: the processes that train together.
        should_stop: asked after every step.
        report_step, report_validation: called with what was written to the tables, in the leader only.

    Returns:
        The number of steps done, less than ``config.optimization.steps`` if stopped.

    Raises:
        VoError: unreadable data or checkpoints, a full disk, or losses that are no longer finite.
    """
    trainer = Trainer(task.model, task.objective, config.optimization, seed=config.seed, group=group)
    checkpoint = group.from_leader(load_newest(folder) if group.is_leader else None)
    next_step = 0
    if checkpoint is not None:
        trainer.restore(checkpoint)
        next_step = checkpoint.next_step
    journal = _Journal(task, config, folder, next_step) if group.is_leader else None
    batches = micro_batches(
        task.batches, config.optimization, seed=config.seed, first_step=next_step, group=group,
        workers=config.workers,
    )  # fmt: skip
    try:
        for step_batches in batches:
            record = trainer.train_step(next_step, step_batches)
            next_step += 1
            is_last = group.any(should_stop()) or next_step == config.optimization.steps
            if journal is not None:
                report_step(record)
                if validation := journal.after_step(trainer, record, is_last):
                    report_validation(validation)
            if is_last:
                break
    finally:
        if journal is not None:
            journal.close()
    return next_step


class _Journal(Generic[ModelT, BatchT]):
    """What the leader writes about the run."""

    def __init__(self, task: Task[ModelT, BatchT], config: RunConfig, folder: Path, next_step: int) -> None:
        self._config, self._folder = config, folder
        write_config(folder, config)
        self._model = copy.deepcopy(task.model)  # gets the averaged weights, to be measured
        self._export = task.export
        self._validation = task.open_validation()
        step_columns = StepRecord.columns(task.objective.terms, task.item_name)
        validation_columns = [field.name for field in dataclasses.fields(self._validation.record)]
        self._steps = MetricsFile(folder / METRICS_NAME, step_columns, next_step)
        self._validations = MetricsFile(folder / VALIDATION_NAME, validation_columns, next_step)

    def after_step(
        self, trainer: Trainer[ModelT, BatchT], record: StepRecord, is_last: bool
    ) -> ValidationRecord | None:
        """Add the step to the table; validate and save where it is time."""
        num_done = record.step + 1
        self._steps.append(record.row())
        validation = None
        if is_last or num_done % self._config.validate_every == 0:
            validation = self._validate(trainer, record.step)
        if is_last or num_done % self._config.checkpoint_every == 0:
            save_file(self._folder / WEIGHTS_NAME, self._export(trainer.weights()))
            save_checkpoint(self._folder, trainer.checkpoint(num_done))
        return validation

    def close(self) -> None:
        """Close the tables."""
        self._steps.close()
        self._validations.close()

    def _validate(self, trainer: Trainer[ModelT, BatchT], step: int) -> ValidationRecord:
        """Measure the weights that a user would get."""
        self._model.load_state_dict(trainer.weights())
        record = self._validation(self._model, step, self._folder)
        self._validations.append(dataclasses.astuple(record))
        if record.quality_name:  # the table knows those of before a resume
            *before, quality = read_column(self._folder / VALIDATION_NAME, record.quality_name)
            if quality > max(before, default=-math.inf):
                save_file(self._folder / BEST_WEIGHTS_NAME, self._export(trainer.weights()))
        return record
