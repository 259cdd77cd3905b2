"""ALIKED and ALIKE behind the extractor protocol: NumPy image in, NumPy features out."""

import numpy as np
import torch
from torch import Tensor

from vo_frontend.errors import VoError
from vo_frontend.features.image import check_image
from vo_frontend.features.networks.detection import detect
from vo_frontend.features.networks.network import FeatureNetwork
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
            device: where to run, see :func:`select_device`.
            weights_sha256: checksum of the file that the weights came from.
        """
        self.name = name
        self.descriptor_size = network.descriptor_size
        self.max_keypoints = max_keypoints
        self.score_threshold = score_threshold
        self.weights_sha256 = weights_sha256
        self.device = device
        self.device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
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


def to_batch(image: Image, device: torch.device) -> Tensor:
    """Turn (H, W) or (H, W, 3) uint8 into (1, 3, H, W) float32 in [0, 1]; grey fills all channels."""
    pixels = torch.tensor(np.ascontiguousarray(np.atleast_3d(image)), device=device)  # (H, W, 1 or 3)
    return pixels.permute(2, 0, 1).expand(3, -1, -1)[None].float() / 255


def select_device(name: str) -> torch.device:
    """Resolve "auto" (the GPU if there is one), "cpu", "cuda" or "cuda:1".

    Raises:
        VoError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise VoError(f"device: got '{name}', expected auto, cpu, cuda or cuda:N")
    num_devices = torch.cuda.device_count()
    if (device.index or 0) >= num_devices:
        raise VoError(f"device: got '{name}', but PyTorch sees {num_devices} CUDA device(s); use cpu or auto")
    return device
