"""Open the data section of a configuration: pairs for training and pairs for validation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vo_frontend.errors import ConfigError
from vo_frontend.sources.registry import find_sequence
from vo_frontend.training.data.data_config import DataConfig
from vo_frontend.training.data.homography_pairs import HomographyPairs
from vo_frontend.training.data.megadepth import MegadepthPairs
from vo_frontend.training.data.pairs import ImagePair, MixedPairs, PairSource
from vo_frontend.training.data.rendered_pairs import RenderedPairs
from vo_frontend.training.data.rgbd_pairs import RgbdPairs


@dataclass(frozen=True)
class TrainingData:
    """Pairs to learn from, and pairs of other items to measure with."""

    training: PairSource
    validation: PairSource


class Subset:
    """Some items of a source, renumbered from 0."""

    def __init__(self, source: PairSource, numbers: Sequence[int]) -> None:
        self._source, self._numbers = source, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        """Make a pair of the chosen item."""
        return self._source.pair(self._numbers[number], rng)


def open_training_data(config: DataConfig, data_root: Path | None = None) -> TrainingData:
    """Open every kind of data that has a weight, divide it, and mix the kinds.

    Within a kind, sequences and scenes count by their number of items.

    Args:
        config: what to open.
        data_root: where named sequences are.

    Raises:
        ConfigError: nothing is given, or a source has too few items to divide.
        SourceError: a folder, sequence or scene is missing or malformed.
        TrajectoryError: the poses of a sequence are missing or malformed.
    """
    parts: list[TrainingData] = []
    weights: list[float] = []
    for weight, kind in (
        (config.images_weight, _photographs(config)),
        (config.street_weight, _street(config)),
        (config.rgbd_weight, _sequences(config, data_root)),
        (config.megadepth_weight, _scenes(config)),
    ):
        num_items = sum(len(part.training) for part in kind)
        parts += kind
        weights += [weight * len(part.training) / num_items for part in kind]
    if not parts:
        raise ConfigError("data: no source of pairs; name a folder of photographs with --images")
    return TrainingData(
        MixedPairs([part.training for part in parts], weights),
        MixedPairs([part.validation for part in parts], weights),
    )


def hold_out_scattered(source: PairSource, one_in: int) -> TrainingData:
    """Keep every n-th item for validation: for items that have nothing to do with their neighbours.

    Raises:
        ConfigError: fewer than two items.
    """
    return _divide(source, range(0, len(source), one_in))


def hold_out_end(source: PairSource, one_in: int) -> TrainingData:
    """Keep the last n-th part for validation: for items whose pairs reach to their neighbours.

    Raises:
        ConfigError: fewer than two items.
    """
    return _divide(source, range(len(source) - -(-len(source) // one_in), len(source)))


def _divide(source: PairSource, held_out: range) -> TrainingData:
    if len(source) < 2:
        raise ConfigError(f"data: got {len(source)} images or frames in a source, expected at least 2")
    rest = [number for number in range(len(source)) if number not in held_out]
    return TrainingData(Subset(source, rest), Subset(source, held_out))


def _photographs(config: DataConfig) -> list[TrainingData]:
    if not config.images or config.images_weight == 0:
        return []
    source = HomographyPairs([Path(folder) for folder in config.images], config.crop_px)
    return [hold_out_scattered(source, config.held_out_every)]


def _street(config: DataConfig) -> list[TrainingData]:
    if config.street_weight == 0:
        return []
    training, validation = (RenderedPairs(config.crop_px, config.street_seed + n) for n in range(2))
    return [TrainingData(training, validation)]


def _sequences(config: DataConfig, data_root: Path | None) -> list[TrainingData]:
    if config.rgbd_weight == 0:
        return []
    parts = []
    for name in config.rgbd:
        sequence = find_sequence(name, data_root)
        if sequence.layout != "tum" or sequence.calibration is None:
            raise ConfigError(
                f"data.rgbd: got '{name}' in the layout '{sequence.layout}', expected a TUM RGB-D sequence"
            )
        source = RgbdPairs(sequence.folder, sequence.calibration, config.crop_px)
        parts.append(hold_out_end(source, config.held_out_every))
    return parts


def _scenes(config: DataConfig) -> list[TrainingData]:
    if config.megadepth_weight == 0:
        return []
    sources = [MegadepthPairs(Path(scene), config.crop_px) for scene in config.megadepth]
    return [hold_out_end(source, config.held_out_every) for source in sources]
