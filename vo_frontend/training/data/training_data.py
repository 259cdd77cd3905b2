"""Open the data section of a configuration: pairs for training, and pairs of other images for validation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from vo_frontend.errors import ConfigError
from vo_frontend.sources.registry import find_sequence
from vo_frontend.training.data.data_config import DataConfig
from vo_frontend.training.data.homography_pairs import HomographyPairs, find_photographs
from vo_frontend.training.data.megadepth import MegadepthPairs, find_scenes, group_by_images
from vo_frontend.training.data.painted_pairs import PaintedPairs
from vo_frontend.training.data.pairs import JoinedPairs, MixedPairs, PairSource
from vo_frontend.training.data.rendered_pairs import RenderedPairs
from vo_frontend.training.data.rgbd_pairs import RgbdPairs

Item = TypeVar("Item")

MIN_FRAMES = 2  # a frame and its partner


@dataclass(frozen=True)
class TrainingData:
    """Pairs to learn from, and pairs of images and scenes that these never show."""

    training: PairSource
    validation: tuple[PairSource, ...]  # one of each kind


@dataclass(frozen=True)
class Divided(Generic[Item]):
    """Items to learn from and items to measure with."""

    training: list[Item]
    held_out: list[Item]


@dataclass(frozen=True)
class _Kind:
    """Pairs of one kind, and its share of the training pairs."""

    weight: float
    training: PairSource
    validation: PairSource


def open_training_data(config: DataConfig, data_root: Path | None = None) -> TrainingData:
    """Open every kind of data that has a weight, divide it by images and scenes, and mix the kinds.

    Within a kind, sequences count by their number of frames; all MegaDepth scenes count the same.

    Args:
        config: what to open.
        data_root: where named sequences are.

    Raises:
        ConfigError: nothing is given, or there is too little of a kind to divide.
        SourceError: a folder, sequence or scene is missing or malformed.
        TrajectoryError: the poses of a sequence are missing or malformed.
    """
    kinds: list[_Kind] = []
    if config.images and config.images_weight > 0:
        kinds.append(_photographs(config))
    if config.painted_weight > 0:
        kinds.append(_paintings(config))
    if config.street_weight > 0:
        kinds.append(_street(config))
    if config.rgbd and config.rgbd_weight > 0:
        kinds.append(_sequences(config, data_root))
    if config.megadepth and config.megadepth_weight > 0:
        kinds.append(_scenes(config))
    if not kinds:
        raise ConfigError("data: no source of pairs; name a folder of photographs with --images")
    training = MixedPairs([kind.training for kind in kinds], [kind.weight for kind in kinds])
    return TrainingData(training, tuple(kind.validation for kind in kinds))


def hold_out_scattered(items: Sequence[Item], one_in: int, name: str) -> Divided[Item]:
    """Hold out every n-th item, from the first on: for items that have nothing to do with their neighbours.

    Raises:
        ConfigError: fewer than two items, called by their ``name``.
    """
    if len(items) < 2:
        raise ConfigError(f"data: got {len(items)} {name}, expected at least 2, one of them for validation")
    held_out = range(0, len(items), one_in)
    rest = [item for number, item in enumerate(items) if number not in held_out]
    return Divided(rest, [items[number] for number in held_out])


def _photographs(config: DataConfig) -> _Kind:
    paths = find_photographs([Path(folder) for folder in config.images])
    divided = hold_out_scattered(paths, config.held_out_every, "photographs")
    training, validation = (
        HomographyPairs(part, config.crop_px, config.homography, config.photometric)
        for part in (divided.training, divided.held_out)
    )
    return _Kind(config.images_weight, training, validation)


def _paintings(config: DataConfig) -> _Kind:
    divided = hold_out_scattered(range(config.painted_count), config.held_out_every, "painted pictures")
    training, validation = (
        PaintedPairs(part, config.crop_px, config.homography, config.photometric)
        for part in (divided.training, divided.held_out)
    )
    return _Kind(config.painted_weight, training, validation)


def _street(config: DataConfig) -> _Kind:
    *training, validation = (
        RenderedPairs(config.crop_px, config.street_seed + n, photometric=config.photometric)
        for n in range(config.street_count + 1)
    )
    return _Kind(config.street_weight, JoinedPairs(training), validation)


def _sequences(config: DataConfig, data_root: Path | None) -> _Kind:
    training, validation = [], []
    for name in config.rgbd:
        sequence = find_sequence(name, data_root)
        if sequence.layout != "tum" or sequence.calibration is None:
            raise ConfigError(
                f"data.rgbd: got '{name}' in the layout '{sequence.layout}', expected a TUM RGB-D sequence"
            )
        source = RgbdPairs(
            sequence.folder, sequence.calibration, config.crop_px,
            photometric=config.photometric, turn_deg=config.depth.turn_deg,
        )  # fmt: skip
        num_held_out = max(-(-len(source) // config.held_out_every), MIN_FRAMES)
        if len(source) < num_held_out + MIN_FRAMES:
            raise ConfigError(
                f"data.rgbd: got {len(source)} frames with poses in '{name}', expected at least "
                f"{num_held_out + MIN_FRAMES}, {num_held_out} of them for validation"
            )
        training.append(source.part(slice(0, -num_held_out)))
        validation.append(source.part(slice(-num_held_out, None)))
    return _Kind(config.rgbd_weight, JoinedPairs(training), JoinedPairs(validation))


def _scenes(config: DataConfig) -> _Kind:
    root = Path(config.megadepth_root) if config.megadepth_root else None
    groups = group_by_images(find_scenes([Path(place) for place in config.megadepth], root))
    divided = hold_out_scattered(groups, config.held_out_every, "MegaDepth scenes without common images")
    training, validation = (
        [
            JoinedPairs(
                [MegadepthPairs(scene, config.crop_px, config.depth, config.photometric) for scene in group]
            )
            for group in part
        ]
        for part in (divided.training, divided.held_out)
    )
    # As many pairs of every scene, whatever it lists: the authors draw 100 of each per epoch.
    return _Kind(
        config.megadepth_weight, MixedPairs(training, [1.0] * len(training)), JoinedPairs(validation)
    )
