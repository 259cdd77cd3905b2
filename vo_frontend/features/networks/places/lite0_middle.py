"""EfficientNet-lite0 up to its middle: what its last layers no longer tell, because they classify objects.

Raw means of its blocks 11 and 14 find a place again in other light and from another lane far more often than
those of its head; ``docs/places.md`` has the figures.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.features.networks.places.backbone import Backbone, ReceptiveField
from vo_frontend.features.networks.places.efficientnet_lite import (
    LOCAL_BLOCK,
    EfficientNetLite0,
    local_receptive_field,
)

GLOBAL_BLOCKS = ((11, 1.0), (14, 0.7))  # and factors that bring both to about the same length
BLOCK_CHANNELS = 192


class Lite0Middle(Backbone):
    """S as in :class:`EfficientNetLite0`; D = outputs of blocks 11 and 14 (768 channels, stride 32).

    The blocks end linearly: D holds the positive parts of each, then the negative ones.
    """

    local_channels, global_channels = EfficientNetLite0.local_channels, 4 * BLOCK_CHANNELS
    local_stride_px, global_stride_px = 16, 32
    local_is_signed = True

    def __init__(self, network: EfficientNetLite0) -> None:
        """Args: ``network`` with its weights; what lies behind block 14 is dropped."""
        super().__init__()
        last_block, _ = GLOBAL_BLOCKS[-1]
        self.normalization, self.stem = network.normalization, network.stem
        self.blocks = network.blocks[: last_block + 1]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run on images (B, 3, H, W), RGB in [0, 1]. Returns S (B, 112, h, w) and D (B, 768, h', w')."""
        x = local_map = self.local_map(images)
        factors, parts = dict(GLOBAL_BLOCKS), []
        for number, block in enumerate(self.blocks[LOCAL_BLOCK + 1 :], start=LOCAL_BLOCK + 1):
            x = block(x)
            if number in factors:
                parts += [F.relu(factors[number] * x), F.relu(-factors[number] * x)]
        return local_map, torch.cat(parts, dim=1)

    def local_map(self, images: Tensor) -> Tensor:
        """Compute only S (B, 112, h, w) of images (B, 3, H, W), RGB in [0, 1]."""
        x = self.stem(self.normalization(images))
        for block in self.blocks[: LOCAL_BLOCK + 1]:
            x = block(x)
        return x

    def receptive_field(self, length_px: int) -> ReceptiveField:
        """Return what a cell of S sees: 339 px, on images of any length."""
        return local_receptive_field()
