"""Images of any size for the benchmark: photographs where there are data, else the built-in street."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.sources.base import FrameSource
from vo_frontend.sources.registry import SequenceSpec, find_sequence, list_sequences, open_sequence
from vo_frontend.types import Frame, Image

NUM_IMAGES = 8  # spread over the sequence, so that no contestant lives on one picture


class Size(NamedTuple):
    """Width and height in px."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Images of one size, and the sequence they come from."""

    origin: str
    images: tuple[Image, ...]


def load_images(size: Size, data_root: Path | None, num_images: int = NUM_IMAGES) -> ImageSet:
    """Take frames of the sequence whose shape is nearest to ``size``, scaled and cropped to it.

    Raises:
        VoError: a sequence under ``data_root`` is malformed.
    """
    spec = _nearest_in_shape(size, data_root) if data_root else None
    if spec is None:
        source: FrameSource = SyntheticSource(width=size.width, height=size.height)
        step = max((source.num_frames or 1) // num_images, 1)
        source = SyntheticSource(width=size.width, height=size.height, frames=slice(None, None, step))
    else:
        step = max((open_sequence(spec).num_frames or 1) // num_images, 1)
        source = open_sequence(spec, frames=slice(None, None, step))
    images = tuple(fit(image, size) for image in itertools.islice(_decoded(source), num_images))
    source.close()
    return ImageSet(source.name, images)


def fit(image: Image, size: Size) -> Image:
    """Scale an image, (H, W) or (H, W, 3) uint8, until it covers ``size``, then cut the middle out of it."""
    height, width = image.shape[:2]
    scale = max(size.width / width, size.height / height)
    if scale != 1.0:
        covering = max(round(width * scale), size.width), max(round(height * scale), size.height)
        image = cv2.resize(image, covering, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (image.shape[1] - size.width) // 2, (image.shape[0] - size.height) // 2
    return np.ascontiguousarray(image[top : top + size.height, left : left + size.width])


def _decoded(frames: Iterable[Frame]) -> Iterable[Image]:
    return (frame.image for frame in frames if frame.image is not None)


def _nearest_in_shape(size: Size, data_root: Path) -> SequenceSpec | None:
    specs = [
        find_sequence(listing.name, data_root) for listing in list_sequences(data_root) if listing.present
    ]
    return min(specs, key=lambda spec: _shape_difference(size, open_sequence(spec)), default=None)


def _shape_difference(size: Size, source: FrameSource) -> float:
    camera = source.camera
    return abs(float(np.log(size.width / size.height * camera.height / camera.width)))
