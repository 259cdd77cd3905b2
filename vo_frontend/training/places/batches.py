"""Batches of P places with K views each, as pictures or as maps that a frozen backbone has made of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vo_frontend.features.networks.places.backbone import Backbone
from vo_frontend.training.data.photometric import change_light
from vo_frontend.training.places.augmentation import PLACE_LIGHT, random_window
from vo_frontend.training.places.data.views import PlaceViews
from vo_frontend.types import Image

BatchT = TypeVar("BatchT", bound="PlaceBatch")


@dataclass(frozen=True)
class PlaceBatch(ABC):
    """B views of known places."""

    labels: Tensor  # (B,) int64 numbers of the places

    def __len__(self) -> int:
        return len(self.labels)

    def to(self: "BatchT", device: torch.device) -> "BatchT":
        """Copy all tensors to a device."""
        return type(self)(*(getattr(self, field.name).to(device) for field in fields(self)))

    @abstractmethod
    def maps(self, backbone: Backbone) -> tuple[Tensor, Tensor]:
        """Return S (B, C, h, w) and D (B, C', h', w') of the views."""


@dataclass(frozen=True)
class ImageBatch(PlaceBatch):
    """Views as pictures; the backbone runs on them."""

    images: Tensor  # (B, 3, H, W) RGB in [0, 1]

    def maps(self, backbone: Backbone) -> tuple[Tensor, Tensor]:
        """Run the backbone."""
        local_map, global_map = backbone(self.images)
        return local_map, global_map


@dataclass(frozen=True)
class MapBatch(PlaceBatch):
    """Views as what the backbone made of them once and for all."""

    local_map: Tensor  # S (B, C, h, w)
    global_map: Tensor  # D (B, C', h', w')

    def maps(self, backbone: Backbone) -> tuple[Tensor, Tensor]:
        """Return what is there."""
        return self.local_map, self.global_map


def places_of_batch(
    num_places: int, views_per_place: int, rngs: Sequence[np.random.Generator]
) -> NDArray[np.int64]:
    """Draw the places (B,) of B views: the first of ``views_per_place`` generators draws for all."""
    heads = rngs[::views_per_place]
    return np.repeat([int(rng.integers(num_places)) for rng in heads], views_per_place)[: len(rngs)]


class ViewBatches:
    """Draws places and takes new pictures of them, in random windows and light."""

    def __init__(self, views: PlaceViews, views_per_place: int, side_px: int) -> None:
        """Args: ``side_px`` of the square pictures."""
        self._views, self._views_per_place, self._side_px = views, views_per_place, side_px

    def batch(self, rngs: Sequence[np.random.Generator]) -> ImageBatch:
        """Make a picture from each generator.

        Raises:
            VoError: a picture cannot be read.
        """
        places = places_of_batch(len(self._views), self._views_per_place, rngs)
        pictures = [self._picture(int(place), rng) for place, rng in zip(places, rngs, strict=True)]
        return ImageBatch(torch.from_numpy(places), to_tensor(pictures))

    def _picture(self, place: int, rng: np.random.Generator) -> Image:
        window = random_window(self._views.view(place, rng), rng)
        return change_light(to_square(window, self._side_px), PLACE_LIGHT, rng)


def to_square(picture: Image, side_px: int) -> Image:
    """Resize a picture (H, W, 3) to (side_px, side_px, 3), whatever its shape."""
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA))


def to_tensor(pictures: Sequence[Image]) -> Tensor:
    """Put B pictures (H, W, 3) of one size into (B, 3, H, W), RGB in [0, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div_(255.0)
