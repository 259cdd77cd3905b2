"""DELF and DELG behind the extractor protocol: NumPy image in, NumPy descriptors out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vo_frontend.features.devices import hardware_name
from vo_frontend.features.image import check_batch, check_image
from vo_frontend.features.networks.extractor import to_batch
from vo_frontend.features.networks.places.local_features import LocalFeaturesConfig, extract_local_features
from vo_frontend.features.networks.places.network import PlaceNetwork
from vo_frontend.features.networks.places.pca import Pca
from vo_frontend.features.places import GlobalDescriptor, LocalPlaceFeatures
from vo_frontend.types import Image

DELG_SCALES = (2**-0.5, 1.0, 2**0.5)  # of the global descriptor


@dataclass(frozen=True)
class PlaceExtractionConfig:
    """At which sizes the network sees an image. The defaults are DELG's."""

    max_side_px: int = 1024  # larger images are shrunk first
    min_side_px: int = 0  # images whose longer side is smaller are enlarged first
    global_scales: tuple[float, ...] = DELG_SCALES
    local: LocalFeaturesConfig = LocalFeaturesConfig()


class NetworkPlaceExtractor:
    """Describes places with a network; see :class:`vo_frontend.features.places.PlaceExtractor`."""

    def __init__(
        self,
        name: str,
        network: PlaceNetwork,
        *,
        device: torch.device,
        config: PlaceExtractionConfig = PlaceExtractionConfig(),  # noqa: B008 (frozen)
        pca: Pca | None = None,
    ) -> None:
        """Take over a network with its weights.

        Args:
            name: for reports and indices, e.g. "delg-lite0".
            network: batch normalisation is folded in place, so it cannot be trained afterwards.
            device: where to run, see :func:`vo_frontend.features.devices.select_device`.
            config: sizes and thresholds.
            pca: of local descriptors, where the head does not shorten them (DELF).
        """
        self.name = name
        self.config = config
        self.pca = pca
        self.device = device
        self.device_name = hardware_name(device)
        self.descriptor_size = 0 if network.global_head is None else network.global_head.descriptor_size
        self.network = network.for_inference().to(device)

    def describe(self, image: Image) -> GlobalDescriptor:
        """Describe (H, W) grey or (H, W, 3) RGB uint8, at least 64x64. Returns (D,) of unit length.

        Raises:
            ValueError: the array is not such an image, or the network has no global head.
        """
        return self.describe_batch([image])[0]

    @torch.inference_mode()
    def describe_batch(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Describe B images of one shape, (H, W) or (H, W, 3) uint8. Returns (B, D) of unit length.

        Raises:
            ValueError: an array is no image, their shapes differ, or the network has no global head.
        """
        check_batch(images)
        if not images:
            return np.zeros((0, self.descriptor_size), np.float32)
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            batch = self._resize(torch.cat([to_batch(image, self.device) for image in images]))
            return self.network.describe(batch, self.config.global_scales).cpu().numpy()

    @torch.inference_mode()
    def local_features(self, image: Image) -> LocalPlaceFeatures:
        """Describe what stands out in (H, W) grey or (H, W, 3) RGB uint8, at least 64x64.

        Raises:
            ValueError: the array is not such an image, or the network has no local head.
        """
        check_image(image)
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            resized = self._resize(to_batch(image, self.device))
            features = extract_local_features(self.network, resized, self.config.local, self.pca)
        height, width = image.shape[:2]
        ratio = np.array([width / resized.shape[-1], height / resized.shape[-2]], np.float32)
        if (ratio == 1).all():
            return features
        pixels = (features.pixels + np.float32(0.5)) * ratio - np.float32(0.5)
        return LocalPlaceFeatures(
            pixels, features.descriptors, features.attention, features.scales / ratio[0]
        )

    def _resize(self, images: Tensor) -> Tensor:
        """Bring the longer side of images (B, 3, H, W) between both limits, without aliasing."""
        height, width = images.shape[-2:]
        side = max(height, width)
        factor = min(max(side, self.config.min_side_px), self.config.max_side_px) / side
        if factor == 1:
            return images
        size = max(1, round(factor * height)), max(1, round(factor * width))
        return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
