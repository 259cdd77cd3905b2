"""The training losses of given weights, beside those of random weights of the same architecture."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.errors import ConfigError
from vo_frontend.experiments.feature_quality.contestants import Contestant
from vo_frontend.experiments.feature_quality.pairs import held_out_photo_pairs
from vo_frontend.experiments.feature_quality.report import LossRow

if TYPE_CHECKING:
    from vo_frontend.training.data.pairs import ImagePair

MAX_PAIRS = 10  # a loss of every term takes a second per pair and network
RANDOM_SEED = 0


def loss_pairs(folders: Sequence[Path], num_pairs: int) -> "list[ImagePair]":
    """Make up to ``MAX_PAIRS`` held-out pairs with moderate homographies and training's changes of light.

    Moderate, because most official weights do not follow the large rotations that training also draws:
    there few keypoints repeat, and the reprojection loss of any weights is close to that of chance.

    Raises:
        VoError: a folder is missing or has no photographs.
    """
    from vo_frontend.training.data.ranges import HomographyRanges

    ranges = HomographyRanges(scale=(0.8, 1.25), rotation_deg=15, large_rotation_share=0, perspective=0.08)
    return held_out_photo_pairs(folders, min(num_pairs, MAX_PAIRS), ranges)


def compare_losses(
    names: Sequence[str],
    contestants: Sequence[Contestant],
    pairs: "Sequence[ImagePair]",
    weights_dir: Path | None,
) -> list[LossRow]:
    """Measure the losses of the named contestants, and of random weights of each of their architectures.

    Raises:
        VoError: a name is not that of a contestant, or not of a network, or its weights are missing.
    """
    if not names:
        return []
    from vo_frontend.training.local_features.initialisation import random_network
    from vo_frontend.training.local_features.loss_values import measure_losses

    by_name = {contestant.name: contestant for contestant in contestants}
    for name in names:
        if name not in by_name:
            raise ConfigError(f"--losses: got '{name}', expected some of {', '.join(by_name)}")
    networks = {name: by_name[name].load_network(weights_dir) for name in names}
    for name in names:
        architecture = by_name[name].architecture
        if architecture is not None:
            networks[f"random {architecture}"] = random_network(architecture, RANDOM_SEED)
    return [LossRow(name, **asdict(measure_losses(network, pairs))) for name, network in networks.items()]
