"""Image pairs with known geometry: what data gives and an objective takes.

A source is a function of (number, rng) and keeps no position, so that a run which derives its rng
from (seed, step, rank) resumes exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vo_frontend.errors import ConfigError
from vo_frontend.types import Image

CROP_MULTIPLE_PX = 32  # the networks halve the image five times


@dataclass(frozen=True, slots=True)
class ImagePair:
    """Two crops of one size and where their pixels lie in each other, as :class:`PairBatch`."""

    image0: Image  # (H, W, 3) uint8 RGB
    image1: Image  # (H, W, 3)
    warp01: NDArray[np.float32]  # (H, W, 2) px in image 1 of each pixel of image 0, NaN where unknown
    covisible01: NDArray[np.bool_]  # (H, W) the point is visible in both images
    warp10: NDArray[np.float32]  # (H, W, 2)
    covisible10: NDArray[np.bool_]  # (H, W)

    def __post_init__(self) -> None:
        height, width = self.image0.shape[:2]
        expected = ((height, width, 3),) * 2 + ((height, width, 2), (height, width)) * 2
        shapes = tuple(getattr(self, field.name).shape for field in fields(self))
        if shapes != expected:
            raise ValueError(f"ImagePair needs arrays of one height and width, got {shapes}")


@dataclass(frozen=True, slots=True)
class PairBatch:
    """B image pairs with known geometry. Crops of one size, multiples of 32."""

    image0: Tensor  # (B, 3, H, W) float32 RGB in [0, 1]
    image1: Tensor  # (B, 3, H, W)
    warp01: Tensor  # (B, H, W, 2) float32 px in image 1 of each pixel (x, y) of image 0, NaN where unknown
    covisible01: Tensor  # (B, H, W) bool: the point is visible in both images
    warp10: Tensor  # (B, H, W, 2)
    covisible10: Tensor  # (B, H, W)

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.image0)

    def to(self, device: torch.device | str) -> "PairBatch":
        """Copy all tensors to a device."""
        return PairBatch(*(getattr(self, field.name).to(device) for field in fields(self)))


def stack(pairs: Sequence[ImagePair]) -> PairBatch:
    """Put B pairs of one size into a batch on the CPU."""

    def images(arrays: list[Image]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float().div_(255.0)

    return PairBatch(
        image0=images([pair.image0 for pair in pairs]),
        image1=images([pair.image1 for pair in pairs]),
        warp01=torch.from_numpy(np.stack([pair.warp01 for pair in pairs])),
        covisible01=torch.from_numpy(np.stack([pair.covisible01 for pair in pairs])),
        warp10=torch.from_numpy(np.stack([pair.warp10 for pair in pairs])),
        covisible10=torch.from_numpy(np.stack([pair.covisible10 for pair in pairs])),
    )


class PairSource(Protocol):
    """Pairs by number. See ``tests/training/test_pairs_contract.py`` for the same in code."""

    def __len__(self) -> int:
        """Count the items: photographs, frames or listed pairs."""
        ...

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        """Make a pair out of item ``number`` (0 <= number < len); everything random comes from ``rng``."""
        ...


class PairBatches:
    """Batches of a source whose items are equally likely."""

    def __init__(self, source: PairSource) -> None:
        self._source = source

    def batch(self, rngs: Sequence[np.random.Generator]) -> PairBatch:
        """Make a pair of a random item from each generator.

        Raises:
            VoError: a pair cannot be read.
        """
        return stack([self._source.pair(int(rng.integers(len(self._source))), rng) for rng in rngs])


class JoinedPairs:
    """Several sources one after the other: item by item, each counts the same."""

    def __init__(self, sources: Sequence[PairSource]) -> None:
        self._sources = list(sources)
        self._starts = np.cumsum([0, *map(len, sources)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        """Make a pair of item ``number``, counted through all sources."""
        source = int(np.searchsorted(self._starts, number, side="right")) - 1
        return self._sources[source].pair(number - int(self._starts[source]), rng)


class MixedPairs:
    """Several sources as one: draws from each in proportion to its weight, whatever its length."""

    def __init__(self, sources: Sequence[PairSource], weights: Sequence[float]) -> None:
        """Args: ``weights`` (one per source) need not sum to one.

        Raises:
            ConfigError: weights and sources differ in number, or a weight is not positive.
        """
        if not sources or len(sources) != len(weights):
            raise ConfigError(
                f"pairs: got {len(weights)} weights for {len(sources)} sources, expected one each"
            )
        if not all(0.0 < weight < np.inf for weight in weights):
            raise ConfigError(f"pairs: got weights {list(weights)}, expected positive numbers")
        self._sources = list(sources)
        self.shares = np.array(weights, dtype=np.float64) / sum(weights)  # (S,) probability of each source

    def __len__(self) -> int:
        return sum(map(len, self._sources))

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        """Draw a source, then spread the numbers 0..len evenly over its own."""
        source = self._sources[rng.choice(len(self._sources), p=self.shares)]
        return source.pair(number * len(source) // len(self), rng)


def require_crop_size(crop_px: int) -> None:
    """Raise ConfigError unless a network can take square crops of this size."""
    if crop_px < CROP_MULTIPLE_PX or crop_px % CROP_MULTIPLE_PX:
        raise ConfigError(f"crop_px: got {crop_px}, expected a positive multiple of {CROP_MULTIPLE_PX} px")


def draw_partner(number: int, count: int, max_gap: float, rng: np.random.Generator) -> int:
    """Draw another number in 0..count at most ``max_gap`` (and at least 1) away, before or after."""
    gap = int(rng.integers(1, max(int(max_gap), 1), endpoint=True))
    sign = 1 if rng.random() < 0.5 else -1
    if not 0 <= number + sign * gap < count:
        sign = -sign
    return min(max(number + sign * gap, 0), count - 1)


def inside(warp: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which points (H, W, 2), px, lie in an image of that size; NaN never does. Returns (H, W)."""
    height, width = warp.shape[:2]
    return np.asarray(cv2.inRange(warp, (0, 0), (width - 1, height - 1)) > 0)


def as_rgb(image: Image) -> Image:
    """Give a grey image (H, W) three equal channels; leave (H, W, 3) as it is."""
    return image if image.ndim == 3 else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB))
