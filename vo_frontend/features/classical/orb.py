"""ORB as a feature extractor: the hand-made alternative that needs no weights.

E. Rublee et al., "ORB: An efficient alternative to SIFT or SURF", ICCV 2011, in OpenCV's implementation.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.features.image import check_batch, check_image
from vo_frontend.types import Features, Image

NUM_BITS = 256
SCALE_FACTOR = 1.2
NUM_OCTAVES = 8
EDGE_PX = 19  # holds the rotated 31 px descriptor patch
FAST_THRESHOLD = 7  # low, so that dim areas have candidates too
CANDIDATES_PER_KEYPOINT = 4
CELL_PX = 64  # 32 keeps too many weak corners, no cells at all lets one hedge take everything


class OrbExtractor:
    """ORB with its keypoints spread over the image; see :class:`vo_frontend.features.FeatureExtractor`.

    Descriptors hold each of the 256 bits as +-1/16, so that they have unit length and the dot product
    of two is 1 - 2 * hamming / 256. Scores are Harris responses.
    """

    name = "orb"
    device_name = "cpu"
    runs_on_gpu = False
    max_calls = 1
    descriptor_size = NUM_BITS
    weights_sha256 = None

    def __init__(self, *, max_keypoints: int, score_threshold: float = 0.0) -> None:
        self.max_keypoints = max_keypoints
        self.score_threshold = score_threshold
        self._orb = cv2.ORB.create(
            nfeatures=CANDIDATES_PER_KEYPOINT * max_keypoints,
            scaleFactor=SCALE_FACTOR,
            nlevels=NUM_OCTAVES,
            edgeThreshold=EDGE_PX,
            fastThreshold=FAST_THRESHOLD,
        )

    def extract(self, image: Image) -> Features:
        """Detect and describe. image: (H, W) grey or (H, W, 3) RGB uint8, at least 64x64."""
        check_image(image)
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found, packed = self._orb.detectAndCompute(grey, None)
        if not found:
            return Features(*(np.empty(shape, np.float32) for shape in ((0, 2), (0, NUM_BITS), 0)))
        scores = np.array([keypoint.response for keypoint in found], np.float32)
        pixels = level0_pixels(
            np.array([keypoint.pt for keypoint in found]), np.array([keypoint.octave for keypoint in found])
        )
        chosen = spread(pixels, scores, self.max_keypoints)
        chosen = chosen[scores[chosen] > self.score_threshold]
        bits = np.unpackbits(packed[chosen], axis=1).astype(np.float32)
        return Features(pixels[chosen].astype(np.float32), (2 * bits - 1) / NUM_BITS**0.5, scores[chosen])

    def extract_batch(self, images: Sequence[Image]) -> list[Features]:
        """Detect and describe in images of one shape, (H, W) or (H, W, 3), one after the other."""
        check_batch(images)
        return [self.extract(image) for image in images]


def level0_pixels(pixels: NDArray[np.float64], octaves: NDArray[np.int64]) -> NDArray[np.float64]:
    """Undo OpenCV's corner-aligned scaling of positions (N, 2) in px, found in octaves (N,).

    OpenCV shrinks images around pixel *corners* but returns ``scale * pixel of the octave``, which is
    half a pixel of the octave minus half a pixel too far to the top left.
    """
    scale = SCALE_FACTOR ** octaves.astype(np.float64)
    return pixels + (scale[:, None] - 1) / 2


def spread(pixels: NDArray[np.float64], scores: NDArray[np.float32], max_keypoints: int) -> NDArray[np.int64]:
    """Choose keypoints in rounds: the best of every cell, then the second best, until the budget is met.

    Args:
        pixels: (M, 2) x, y in px.
        scores: (M,).
        max_keypoints: the budget.

    Returns:
        (N,) indices, best score first.
    """
    best_first = np.argsort(-scores, kind="stable")
    cell = (pixels[best_first] // CELL_PX).astype(np.int64)
    cell_id = cell[:, 1] * (cell[:, 0].max() + 1) + cell[:, 0]
    by_cell = np.argsort(cell_id, kind="stable")
    _, first, counts = np.unique(cell_id[by_cell], return_index=True, return_counts=True)
    rank = np.empty(len(scores), np.int64)
    rank[by_cell] = np.arange(len(scores)) - np.repeat(first, counts)
    chosen = np.argsort(rank, kind="stable")[:max_keypoints]
    return best_first[np.sort(chosen)]
