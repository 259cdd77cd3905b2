"""ALIKED's trunk as a backbone: a keyframe has been through it already."""

import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.features.networks.aliked.network import AlikedNetwork, padding_of_axis
from vo_frontend.features.networks.places.backbone import Backbone, ReceptiveField


class AlikedBackbone(Backbone):
    """S = level 3 (dim / 4 channels, stride 8, signed), D = block 4 (twice its channels, stride 32).

    SELU leaves negative values: D holds the positive parts of block 4, then the negative ones.
    """

    local_stride_px, global_stride_px = 8, 32
    local_is_signed = True

    def __init__(self, network: AlikedNetwork) -> None:
        super().__init__()
        self.network = network
        self.local_channels = network.config.trunk.dim // 4
        self.global_channels = 2 * network.config.trunk.channels[3]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run on images (B, 3, H, W), RGB in [0, 1]. Returns S (B, C, h, w) and D (B, C', h', w')."""
        padded, _ = self.network.pad(images)
        _, _, x3, x4 = self.network.block_maps(padded)
        return self._level3(x3), torch.cat([F.relu(x4), F.relu(-x4)], dim=1)

    def local_map(self, images: Tensor) -> Tensor:
        """Compute only S (B, C, h, w) of images (B, 3, H, W), RGB in [0, 1]."""
        return self.forward(images)[0]

    def receptive_field(self, length_px: int) -> ReceptiveField:
        """Return what a cell of S sees where the deformable convolutions displace nothing."""
        field = ReceptiveField(padding_px=padding_of_axis(length_px)[0])
        field = field.through(3, padding=1).through(3, padding=1).through(2, stride=2)  # block 1, pooling
        field = field.through(3, padding=1).through(3, padding=1).through(4, stride=4)
        return field.through(3, padding=1).through(3, padding=1)

    def _level3(self, x3: Tensor) -> Tensor:
        return self.network.activation(self.network.conv3(x3))
