"""The trunk that ALIKED and ALIKE share, and what an extractor needs from either.

Four blocks at strides 1, 2, 8 and 32; a 1x1 convolution and an activation bring each level to a quarter
of the feature map's channels. Attribute names follow the official state dicts.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vo_frontend.features.networks.blocks import Block, Conv3x3, FoldableConv
from vo_frontend.features.networks.pyramid import FeaturePyramid, Padding
from vo_frontend.features.networks.sizes import Border, TrunkConfig
from vo_frontend.features.state_dict import StateDict


class FeatureNetwork(nn.Module, ABC):
    """Turns an image into a score map and a feature pyramid, and keypoints into descriptors."""

    border: Border  # where the family puts no keypoint

    def __init__(
        self,
        trunk: TrunkConfig,
        activation: nn.Module,
        pool: Callable[[Tensor, int], Tensor],
        coarse_conv: Callable[[int, int], FoldableConv] = Conv3x3,
    ) -> None:
        super().__init__()
        c1, c2, c3, c4 = trunk.channels
        quarter = trunk.dim // 4
        self.descriptor_size = trunk.dim
        self.activation = activation
        self.pool = pool
        self.block1 = Block(3, c1, activation, residual=False)
        self.block2 = Block(c1, c2, activation)
        self.block3 = Block(c2, c3, activation, coarse_conv)
        self.block4 = Block(c3, c4, activation, coarse_conv)
        self.conv1 = nn.Conv2d(c1, quarter, 1, bias=False)
        self.conv2 = nn.Conv2d(c2, quarter, 1, bias=False)
        self.conv3 = nn.Conv2d(c3, quarter, 1, bias=False)
        self.conv4 = nn.Conv2d(c4, quarter, 1, bias=False)

    @abstractmethod
    def pad(self, image: Tensor) -> tuple[Tensor, Padding]:
        """Bring both sides of (B, 3, H, W) images to multiples of ``STRIDE``."""

    @abstractmethod
    def score_map(self, pyramid: FeaturePyramid) -> Tensor:
        """Rate each pixel of the padded images as a keypoint. Returns (B, 1, H, W) in [0, 1]."""

    @abstractmethod
    def describe(self, pyramid: FeaturePyramid, keypoints: Tensor) -> Tensor:
        """Describe keypoints (N, 2) in px; the pyramid is of one image. Returns (N, dim) of unit length."""

    def forward(self, image: Tensor) -> tuple[FeaturePyramid, Tensor]:
        """Run on an image (1, 3, H, W), RGB in [0, 1]. Returns the pyramid and the score map (H, W)."""
        pyramid, score_maps = self.forward_batch(image)
        return pyramid, score_maps[0]

    def forward_batch(self, images: Tensor) -> tuple[FeaturePyramid, Tensor]:
        """Run on images (B, 3, H, W), RGB in [0, 1]. Returns their pyramid and the score maps (B, H, W)."""
        pyramid = self.feature_pyramid(images)
        return pyramid, self.score_maps(pyramid)

    def score_maps(self, pyramid: FeaturePyramid) -> Tensor:
        """Rate each pixel of the images without padding as a keypoint. Returns (B, H, W) in [0, 1]."""
        return pyramid.padding.crop(self.score_map(pyramid))[:, 0]

    def feature_pyramid(self, images: Tensor) -> FeaturePyramid:
        """Compute the pyramid of images (B, 3, H, W), RGB in [0, 1]."""
        x, padding = self.pad(images)
        x1, x2, x3, x4 = self.block_maps(x)
        levels = (self.conv1(x1), self.conv2(x2), self.conv3(x3), self.conv4(x4))
        return FeaturePyramid(tuple(self.activation(level) for level in levels), padding)

    def block_maps(self, padded: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Run the four blocks on padded images (B, 3, H, W). Returns maps at strides 1, 2, 8 and 32."""
        x1 = self.block1(padded)
        x2 = self.block2(self.pool(x1, 2))
        x3 = self.block3(self.pool(x2, 4))
        return x1, x2, x3, self.block4(self.pool(x3, 4))

    def arrays(self) -> StateDict:
        """List the weights by their names in the state dict, as arrays that share their memory."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.state_dict().items()}

    def for_inference(self) -> "FeatureNetwork":
        """Fold batch normalisation in place and use the memory layout that is fastest on the CPU."""
        self.eval().requires_grad_(False)
        for block in (self.block1, self.block2, self.block3, self.block4):
            block.fold_batch_norm()
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
