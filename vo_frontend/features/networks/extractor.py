"""ALIKED and ALIKE behind the extractor protocol: NumPy image in, NumPy features out."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vo_frontend.features.devices import hardware_name
from vo_frontend.features.image import check_batch, check_image
from vo_frontend.features.networks.detection import detect
from vo_frontend.features.networks.trunk import FeatureNetwork
from vo_frontend.types import Features, Image


class NetworkExtractor:
    """Finds keypoints with a network; see :class:`vo_frontend.features.FeatureExtractor`."""

    def __init__(
        self,
        name: str,
        network: FeatureNetwork,
        *,
        max_keypoints: int,
        score_threshold: float = 0.0,
        device: torch.device,
        weights_sha256: str | None = None,
    ) -> None:
        """Take over a network with its weights.

        Args:
            name: as accepted by ``load_extractor``.
            network: batch normalisation is folded in place, so it cannot be trained afterwards.
            max_keypoints: budget per image.
            score_threshold: keep only scores above it, in [0, 1).
            device: where to run, see :func:`vo_frontend.features.devices.select_device`.
            weights_sha256: checksum of the file that the weights came from.
        """
        self.name = name
        self.descriptor_size = network.descriptor_size
        self.max_keypoints = max_keypoints
        self.score_threshold = score_threshold
        self.weights_sha256 = weights_sha256
        self.device = device
        self.device_name = hardware_name(device)
        self.runs_on_gpu = device.type != "cpu"
        self.max_calls = 1
        self.network = network.for_inference().to(device)

    @torch.inference_mode()
    def extract(self, image: Image) -> Features:
        """Detect and describe. image: (H, W) grey or (H, W, 3) RGB uint8, at least 64x64."""
        check_image(image)
        # TF32, cuDNN's default, rounds to 10 bits: too coarse for keypoints at 0.01 px.
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            pyramid, score_map = self.network(to_batch(image, self.device))
            keypoints, scores = detect(score_map, self.max_keypoints, self.network.border)
            order = scores.argsort(descending=True, stable=True)
            order = order[scores[order] > self.score_threshold]
            descriptors = self.network.describe(pyramid, keypoints[order])
        arrays = (array.cpu().numpy() for array in (keypoints[order], descriptors, scores[order]))
        return Features(*arrays)

    def extract_batch(self, images: Sequence[Image]) -> list[Features]:
        """Detect and describe in images of one shape, (H, W) or (H, W, 3), one after the other."""
        check_batch(images)
        return [self.extract(image) for image in images]


def to_batch(image: Image, device: torch.device) -> Tensor:
    """Turn (H, W) or (H, W, 3) uint8 into (1, 3, H, W) float32 in [0, 1]; grey fills all channels."""
    pixels = torch.tensor(np.ascontiguousarray(np.atleast_3d(image)), device=device)  # (H, W, 1 or 3)
    return pixels.permute(2, 0, 1).expand(3, -1, -1)[None].float() / 255
