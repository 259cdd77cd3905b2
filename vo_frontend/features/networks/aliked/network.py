"""ALIKED: score head on the shared trunk, deformable convolutions in its two coarse blocks.

X. Zhao et al., "ALIKED: A Lighter Keypoint and Descriptor Extraction Network via Deformable
Transformation", IEEE Transactions on Instrumentation and Measurement, 2023.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vo_frontend.features.networks.aliked.deformable_conv import DeformableConv
from vo_frontend.features.networks.aliked.description import SparseDeformableDescriptorHead
from vo_frontend.features.networks.aliked.variants import BORDER, AlikedConfig
from vo_frontend.features.networks.pyramid import FeaturePyramid, Padding
from vo_frontend.features.networks.sizes import STRIDE
from vo_frontend.features.networks.trunk import FeatureNetwork


class AlikedNetwork(FeatureNetwork):
    """The trunk with SELU, average pooling and repeated edges, a score head and a descriptor head."""

    border = BORDER

    def __init__(self, config: AlikedConfig) -> None:
        super().__init__(config.trunk, nn.SELU(inplace=True), F.avg_pool2d, DeformableConv)
        self.config = config
        self.score_head = nn.Sequential(
            nn.Conv2d(config.trunk.dim, 8, 1, bias=False),
            nn.SELU(inplace=True),
            nn.Conv2d(8, 4, 3, padding=1, bias=False),
            nn.SELU(inplace=True),
            nn.Conv2d(4, 4, 3, padding=1, bias=False),
            nn.SELU(inplace=True),
            nn.Conv2d(4, 1, 3, padding=1, bias=False),
        )
        self.desc_head = SparseDeformableDescriptorHead(config.trunk.dim, config.num_positions)

    def pad(self, image: Tensor) -> tuple[Tensor, Padding]:
        """Repeat the edges of (B, 3, H, W) images on both sides; an odd pixel goes right and bottom."""
        height, width = image.shape[-2:]
        padding = Padding(*padding_of_axis(width), *padding_of_axis(height))
        sides = (padding.left, padding.right, padding.top, padding.bottom)
        return F.pad(image, sides, mode="replicate"), padding

    def score_map(self, pyramid: FeaturePyramid) -> Tensor:
        """Apply the score head, its first layer before the upsampling. Returns (B, 1, H, W)."""
        first = pyramid.project(self.score_head.get_parameter("0.weight"))
        return torch.sigmoid(self.score_head[1:](first))

    def describe(self, pyramid: FeaturePyramid, keypoints: Tensor) -> Tensor:
        """Describe keypoints (N, 2) in px. Returns (N, dim) of unit length."""
        return self.desc_head(pyramid, keypoints)


def padding_of_axis(length_px: int) -> tuple[int, int]:
    """Return how many pixels are added before and behind an axis of an image; an odd one goes behind."""
    total = -length_px % STRIDE
    return total // 2, total - total // 2
