"""What describes an image as a place: one vector for the whole, local features to verify. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vo_frontend.types import Image

GlobalDescriptor = NDArray[np.float32]  # (D,) unit length; the cosine of two is their similarity


@dataclass(frozen=True, slots=True)
class LocalPlaceFeatures:
    """Holds the N local features of one image at all scales, highest attention first.

    Pixels: x right, y down, the *centre* of the top-left pixel is (0, 0).
    """

    pixels: NDArray[np.float32]  # (N, 2) x, y in px of the image: centres of receptive fields
    descriptors: NDArray[np.float32]  # (N, D) unit length
    attention: NDArray[np.float32]  # (N,) positive
    scales: NDArray[np.float32]  # (N,) factor by which the image was resized

    def __post_init__(self) -> None:
        n = len(self.pixels)
        shapes = self.pixels.shape, self.descriptors.shape, self.attention.shape, self.scales.shape
        if shapes[0] != (n, 2) or len(shapes[1]) != 2 or shapes[1][0] != n or shapes[2:] != ((n,), (n,)):
            raise ValueError(
                "LocalPlaceFeatures need pixels (N, 2), descriptors (N, D), attention (N,) and scales (N,), "
                f"got {shapes}"
            )

    def __len__(self) -> int:
        return len(self.pixels)


class PlaceExtractor(Protocol):
    """Describes an image as a place."""

    @property
    def name(self) -> str:
        """Name for reports and for the index, which must not mix descriptors of different extractors."""
        ...

    @property
    def descriptor_size(self) -> int:
        """Length D of a global descriptor."""
        ...

    def describe(self, image: Image) -> GlobalDescriptor:
        """Describe (H, W) grey or (H, W, 3) RGB uint8, at least 64x64. Returns (D,) of unit length.

        Raises:
            ValueError: the array is not such an image.
        """
        ...

    def describe_batch(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Describe B images of one shape, (H, W) or (H, W, 3) uint8. Returns (B, D) of unit length.

        Raises:
            ValueError: an array is no image, or their shapes differ.
        """
        ...

    def local_features(self, image: Image) -> LocalPlaceFeatures:
        """Describe what stands out in (H, W) grey or (H, W, 3) RGB uint8, at least 64x64.

        Raises:
            ValueError: the array is not such an image, or the extractor has no local head.
        """
        ...
