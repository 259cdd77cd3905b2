"""Pairs from painted pictures: nothing is read, and no two pictures are alike."""

from collections.abc import Sequence

import numpy as np

from vo_frontend.training.data.homography_pairs import homographic_pair
from vo_frontend.training.data.painted_pictures import paint_picture
from vo_frontend.training.data.pairs import ImagePair, require_crop_size
from vo_frontend.training.data.ranges import HomographyRanges, PhotometricRanges

PAINTING_SEED = 17  # of all pictures; a number tells one from another


class PaintedPairs:
    """Painted pictures under random homographies and light, one item each."""

    def __init__(
        self,
        numbers: Sequence[int],
        crop_px: int,
        ranges: HomographyRanges = HomographyRanges(),  # noqa: B008 (frozen)
        photometric: PhotometricRanges | None = PhotometricRanges(),  # noqa: B008 (frozen)
    ) -> None:
        """Args:
            numbers: of the pictures, at least one, non-negative.
            crop_px: side of the square crops.
            photometric: changes of light in both crops; None for none.

        Raises:
            ConfigError: ``crop_px`` is not a multiple of 32.
        """
        require_crop_size(crop_px)
        self._numbers = numbers
        self._crop_px, self._ranges, self._photometric = crop_px, ranges, photometric

    def __len__(self) -> int:
        return len(self._numbers)

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        """Paint picture ``number`` and make a pair of it."""
        picture = paint_picture(np.random.default_rng([PAINTING_SEED, self._numbers[number]]))
        return homographic_pair(picture, self._crop_px, self._ranges, self._photometric, rng)
