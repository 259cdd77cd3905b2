"""SIFT as a feature extractor, for comparisons only.

D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004, in OpenCV's implementation.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from vo_frontend.features.image import check_batch, check_image
from vo_frontend.types import Features, Image

DESCRIPTOR_SIZE = 128


class SiftExtractor:
    """SIFT with descriptors of unit length; see :class:`vo_frontend.features.FeatureExtractor`.

    Nearest by cosine is then nearest by the Euclidean distance of the paper. Scores are local contrasts.
    One position may occur more than once, with different orientations.
    """

    name = "sift"
    device_name = "cpu"
    runs_on_gpu = False
    max_calls = 1
    descriptor_size = DESCRIPTOR_SIZE
    weights_sha256 = None

    def __init__(self, *, max_keypoints: int) -> None:
        self.max_keypoints = max_keypoints
        # Without the precise upscaling all positions are off by a quarter of a pixel.
        self._sift = cv2.SIFT.create(nfeatures=max_keypoints, enable_precise_upscale=True)

    def extract(self, image: Image) -> Features:
        """Detect and describe. image: (H, W) grey or (H, W, 3) RGB uint8, at least 64x64."""
        check_image(image)
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found, descriptors = self._sift.detectAndCompute(grey, None)
        if not found:
            return Features(*(np.empty(shape, np.float32) for shape in ((0, 2), (0, DESCRIPTOR_SIZE), 0)))
        scores = np.array([keypoint.response for keypoint in found], np.float32)
        best = np.argsort(-scores, kind="stable")[: self.max_keypoints]
        pixels = np.array([keypoint.pt for keypoint in found], np.float32)
        lengths = np.linalg.norm(descriptors, axis=1, keepdims=True)
        return Features(pixels[best], (descriptors / np.maximum(lengths, 1e-12))[best], scores[best])

    def extract_batch(self, images: Sequence[Image]) -> list[Features]:
        """Detect and describe in images of one shape, (H, W) or (H, W, 3), one after the other."""
        check_batch(images)
        return [self.extract(image) for image in images]
