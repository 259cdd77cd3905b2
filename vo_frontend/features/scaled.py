"""Features found in a smaller image: cost falls with its area, and keypoints become less exact."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.features.image import MIN_SIZE_PX, check_image
from vo_frontend.types import Features, Image


class ScaledExtractor:
    """Another extractor on shrunken images; keypoints are in px of the images as they come."""

    def __init__(self, extractor: FeatureExtractor, image_scale: float) -> None:
        """Take ``image_scale``, above 0 and at most 1, of both sides of every image."""
        self._extractor = extractor
        self._image_scale = image_scale

    @property
    def name(self) -> str:
        """Return the name of the extractor behind."""
        return self._extractor.name

    @property
    def descriptor_size(self) -> int:
        """Return the length of its descriptors."""
        return self._extractor.descriptor_size

    @property
    def max_keypoints(self) -> int:
        """Return its budget."""
        return self._extractor.max_keypoints

    @property
    def device_name(self) -> str:
        """Return its hardware."""
        return self._extractor.device_name

    @property
    def runs_on_gpu(self) -> bool:
        """Whether it leaves the cores of the processor free."""
        return self._extractor.runs_on_gpu

    @property
    def max_calls(self) -> int:
        """Return how many calls it gains from at once."""
        return self._extractor.max_calls

    @property
    def weights_sha256(self) -> str | None:
        """Return the checksum of its weights."""
        return self._extractor.weights_sha256

    def extract(self, image: Image) -> Features:
        """Detect and describe in the shrunken image. image: (H, W) grey or (H, W, 3) RGB uint8."""
        return _in_pixels_of(image, smaller := self._shrunken(image), self._extractor.extract(smaller))

    def extract_batch(self, images: Sequence[Image]) -> list[Features]:
        """Detect and describe in images of one shape, (H, W) or (H, W, 3) uint8."""
        smaller = [self._shrunken(image) for image in images]
        found = self._extractor.extract_batch(smaller)
        return [_in_pixels_of(*each) for each in zip(images, smaller, found, strict=True)]

    def _shrunken(self, image: Image) -> Image:
        """Shrink an image, never below the smallest that extractors take."""
        check_image(image)
        height, width = (max(round(self._image_scale * side), MIN_SIZE_PX) for side in image.shape[:2])
        smaller = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(smaller, dtype=np.uint8)


def _in_pixels_of(image: Image, smaller: Image, found: Features) -> Features:
    """Scale keypoints around the corner of the image: the centre of its first pixel is (0, 0)."""
    (height, width), (small_height, small_width) = image.shape[:2], smaller.shape[:2]
    ratio = np.array([width / small_width, height / small_height])
    pixels = (found.pixels + 0.5) * ratio - 0.5
    return replace(found, pixels=pixels.astype(np.float32))
