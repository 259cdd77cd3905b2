"""Open the data section of a configuration: places to learn from, and other places to measure with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vo_frontend.errors import ConfigError
from vo_frontend.training.places.data.folders import FilePlaces, folder_per_place, landmarks_v2
from vo_frontend.training.places.data.pictures import PaintedPlaces, PhotographPlaces
from vo_frontend.training.places.data.posed import PosedPlaces
from vo_frontend.training.places.data.street_places import StreetPlaces
from vo_frontend.training.places.data.views import JoinedViews, PlaceViews
from vo_frontend.training.places.train_config import VALIDATION_STREETS, PlaceDataConfig
from vo_frontend.types import Image


@dataclass(frozen=True)
class PlaceData:
    """Views of places for training, and of other places for validation."""

    training: PlaceViews
    validation: PlaceViews


class Subset:
    """Some places of a source, renumbered from 0."""

    def __init__(self, source: PlaceViews, numbers: Sequence[int]) -> None:
        self._source, self._numbers = source, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def view(self, place: int, rng: np.random.Generator) -> Image:
        """Take a picture of one of the chosen places."""
        return self._source.view(self._numbers[place], rng)


def open_place_data(config: PlaceDataConfig, data_root: Path | None) -> PlaceData:
    """Open all that is given; what is rendered validates on other seeds, the rest on every n-th place.

    Raises:
        ConfigError: nothing is given, or too few places to divide.
        SourceError: a folder, table or sequence is missing or malformed.
        TrajectoryError: the poses of a sequence are malformed.
    """
    c = config
    parts: list[PlaceData] = []
    if c.streets:
        parts.append(PlaceData(StreetPlaces(range(1, c.streets + 1)), StreetPlaces(VALIDATION_STREETS)))
    if c.paintings:
        parts.append(PlaceData(PaintedPlaces(range(1, c.paintings + 1)), PaintedPlaces(VALIDATION_STREETS)))
    recorded: list[PlaceViews] = []
    if c.images:
        recorded.append(PhotographPlaces([Path(folder) for folder in c.images]))
    recorded += [FilePlaces(folder_per_place(Path(folder), c.min_views)) for folder in c.folders]
    recorded += [FilePlaces(landmarks_v2(Path(folder), c.min_views)) for folder in c.landmarks]
    recorded += [PosedPlaces(name, data_root, c.min_views) for name in c.sequences]
    parts += [_divide(source, c.held_out_every) for source in recorded]
    if not parts:
        raise ConfigError(
            "data: no places; set data.streets, or name a folder of photographs with --images, or fill "
            "data.folders, data.landmarks or data.sequences"
        )
    return PlaceData(
        JoinedViews([part.training for part in parts]), JoinedViews([part.validation for part in parts])
    )


def _divide(source: PlaceViews, one_in: int) -> PlaceData:
    if len(source) < 2:
        raise ConfigError(f"data: got {len(source)} place in a source, expected at least 2")
    held_out = range(0, len(source), one_in)
    rest = [number for number in range(len(source)) if number not in held_out]
    return PlaceData(Subset(source, rest), Subset(source, held_out))
