"""A whole training run in a folder: steps, tables, pictures, checkpoints and the weights in the end."""

import logging
from collections.abc import Callable
from pathlib import Path

import torch
import yaml

from vo_frontend.config import to_mapping
from vo_frontend.errors import ConfigError, OutputError, TrainingError
from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.network import FeatureNetwork
from vo_frontend.training.data.pairs import PairBatch, PairSource, stack
from vo_frontend.training.data.training_data import TrainingData
from vo_frontend.training.engine.checkpoint import load_file, load_newest, save_atomically, save_checkpoint
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.loader import micro_batches
from vo_frontend.training.engine.metrics import MetricsFile
from vo_frontend.training.engine.randomness import sample_rng
from vo_frontend.training.engine.trainer import StepRecord, Trainer
from vo_frontend.training.local_features.initialisation import initialise
from vo_frontend.training.local_features.objective import Objective
from vo_frontend.training.local_features.train_config import TrainConfig
from vo_frontend.training.local_features.validation import ValidationRecord, draw_matches, validate

log = logging.getLogger(__name__)

CONFIG_NAME = "config.yaml"
CONFIG_HEADER = "# effective configuration of this vo_frontend training run\n"
WEIGHTS_NAME = "weights.pth"
METRICS_NAME = "metrics.csv"
VALIDATION_NAME = "validation.csv"
VALIDATION_SEED = 20_230_327  # the same pairs whatever the seed of the run, so that runs compare


def train(
    config: TrainConfig,
    data: TrainingData,
    folder: Path,
    *,
    group: Group,
    should_stop: Callable[[], bool],
    report_step: Callable[[StepRecord], None],
    report_validation: Callable[[ValidationRecord], None],
) -> int:
    """Train from the newest checkpoint in a folder, or from the start, to the end or until asked to stop.

    Either way it leaves a checkpoint and ``weights.pth``.

    Args:
        config: what to train and how.
        data: where pairs come from.
        folder: existing folder of this run; only the leader of the group writes there.
        group: the processes that train together, and the device of this one.
        should_stop: asked after every step.
        report_step, report_validation: called with what was written to the tables, in the leader only.

    Returns:
        The number of steps done, less than ``config.optimization.steps`` if stopped.

    Raises:
        VoError: unreadable data or checkpoints, a full disk, or losses that are no longer finite.
    """
    if config.precision != "fp32" and group.device.type != "cuda":
        raise ConfigError(
            f"precision: got '{config.precision}' on {group.device.type}, which has fp32; bf16 needs CUDA"
        )
    trainer = Trainer(
        _initial_network(config).to(group.device),
        Objective(config.objective, mixed_precision=config.precision == "bf16"),
        config.optimization,
        seed=config.seed,
        group=group,
    )
    checkpoint = group.from_leader(load_newest(folder) if group.is_leader else None)
    next_step = 0
    if checkpoint is not None:
        trainer.restore(checkpoint)
        next_step = checkpoint.next_step
    journal = None
    if group.is_leader:
        journal = _Journal(config, data.validation, folder, group.device, next_step)
    batches = micro_batches(
        data.training, config.optimization, seed=config.seed, first_step=next_step, group=group,
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


class _Journal:
    """What the leader writes about the run."""

    def __init__(
        self, config: TrainConfig, validation: PairSource, folder: Path, device: torch.device, next_step: int
    ) -> None:
        self._config, self._folder = config, folder
        _write_config(folder / CONFIG_NAME, config)
        self._network = make_network(config.network).to(device)
        self._pairs = [_validation_pair(validation, n).to(device) for n in range(config.validation.num_pairs)]
        self._metrics = MetricsFile(folder / METRICS_NAME, StepRecord, next_step)
        self._validation = MetricsFile(folder / VALIDATION_NAME, ValidationRecord, next_step)

    def after_step(self, trainer: Trainer, record: StepRecord, is_last: bool) -> ValidationRecord | None:
        """Add the step to the table; validate and save where it is time."""
        num_done = record.step + 1
        self._metrics.append(record)
        validation = None
        if is_last or num_done % self._config.validate_every == 0:
            validation = self._validate(trainer, record.step)
        if is_last or num_done % self._config.checkpoint_every == 0:
            save_atomically(self._folder / WEIGHTS_NAME, trainer.weights())
            save_checkpoint(self._folder, trainer.checkpoint(num_done))
        return validation

    def close(self) -> None:
        """Close the tables."""
        self._metrics.close()
        self._validation.close()

    def _validate(self, trainer: Trainer, step: int) -> ValidationRecord:
        """Measure the weights that a user would get."""
        self._network.load_state_dict(trainer.weights())
        max_keypoints = self._config.validation.max_keypoints
        record = validate(self._network, self._pairs, max_keypoints, step)
        self._validation.append(record)
        picture = self._folder / f"matches_{step + 1:08d}.png"
        draw_matches(self._network, self._pairs[0], max_keypoints, picture)
        return record


def _write_config(path: Path, config: TrainConfig) -> None:
    """Replace the file at once: another process of the run may be reading it."""
    text = CONFIG_HEADER + yaml.safe_dump(to_mapping(config), sort_keys=False)
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot write there ({error.strerror}); choose another --out") from None


def _initial_network(config: TrainConfig) -> FeatureNetwork:
    """Random weights by the seed, the same in all processes, or those of a file."""
    network = make_network(config.network)
    initialise(network, torch.Generator().manual_seed(config.seed))
    if config.initial_weights:
        state = load_file(Path(config.initial_weights))
        try:
            network.load_state_dict(state)
        except RuntimeError:
            raise TrainingError(
                f"initial_weights: {config.initial_weights} does not hold weights of {config.network}"
            ) from None
    return network


def _validation_pair(source: PairSource, number: int) -> PairBatch:
    return stack([source.pair(number % len(source), sample_rng(VALIDATION_SEED, number))])
