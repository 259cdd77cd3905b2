"""What training local features consists of: a network, image pairs, the objective and the validation."""

from pathlib import Path

import torch

from vo_frontend.errors import ConfigError, TrainingError
from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.trunk import FeatureNetwork
from vo_frontend.training.data.pairs import PairBatch, PairBatches
from vo_frontend.training.data.training_data import open_training_data
from vo_frontend.training.engine.checkpoint import load_file
from vo_frontend.training.engine.task import Task
from vo_frontend.training.local_features.initialisation import random_network
from vo_frontend.training.local_features.objective import LocalFeatureObjective
from vo_frontend.training.local_features.train_config import TrainConfig
from vo_frontend.training.local_features.validation import MatchingValidation


def open_task(
    config: TrainConfig, data_root: Path | None, device: torch.device
) -> Task[FeatureNetwork, PairBatch]:
    """Open the data and build the network that a configuration asks for.

    Args:
        config: what to train, on what.
        data_root: where named sequences are.
        device: where the network is trained.

    Raises:
        ConfigError: no data are given, or the device does not have the precision.
        TrainingError: the initial weights cannot be read, or are of another network.
        VoError: a folder, sequence or scene is missing or malformed.
    """
    data = open_training_data(config.data, data_root)
    if config.precision != "fp32" and device.type != "cuda":
        raise ConfigError(
            f"precision: got '{config.precision}' on {device.type}, which has fp32; bf16 needs CUDA"
        )
    return Task(
        model=_initial_network(config).to(device),
        batches=PairBatches(data.training),
        objective=LocalFeatureObjective(config.objective, mixed_precision=config.precision == "bf16"),
        open_validation=lambda: MatchingValidation(config.validation, data.validation, device),
        item_name="pairs",
    )


def _initial_network(config: TrainConfig) -> FeatureNetwork:
    """Build the network with the weights of a file, or random ones by the seed, alike in all processes."""
    if not config.initial_weights:
        return random_network(config.network, config.seed)
    network = make_network(config.network)
    try:
        network.load_state_dict(load_file(Path(config.initial_weights)))
    except RuntimeError:
        raise TrainingError(
            f"initial_weights: {config.initial_weights} does not hold weights of {config.network}"
        ) from None
    return network
