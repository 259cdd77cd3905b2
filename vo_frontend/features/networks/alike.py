"""ALIKE: one 1x1 convolution on the shared trunk gives both score and descriptors.

X. Zhao et al., "ALIKE: Accurate and Lightweight Keypoint Detection and Descriptor Extraction",
IEEE Transactions on Multimedia, 2022.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vo_frontend.features.networks.pyramid import FeaturePyramid, Padding
from vo_frontend.features.networks.sampling import bilinear_corners, weighted_sums
from vo_frontend.features.networks.sizes import STRIDE, Border, TrunkConfig
from vo_frontend.features.networks.trunk import FeatureNetwork


@dataclass(frozen=True)
class AlikeConfig:
    """Sizes of one variant."""

    trunk: TrunkConfig
    has_hidden_layer: bool = False  # between the feature map and the head


ALIKE_VARIANTS = {
    "alike-t": AlikeConfig(TrunkConfig(channels=(8, 16, 32, 64), dim=64)),
    "alike-s": AlikeConfig(TrunkConfig(channels=(8, 16, 48, 96), dim=96)),
    "alike-n": AlikeConfig(TrunkConfig(channels=(16, 32, 64, 128), dim=128)),
    "alike-l": AlikeConfig(TrunkConfig(channels=(32, 64, 128, 128), dim=128), has_hidden_layer=True),
}


class AlikeNetwork(FeatureNetwork):
    """The trunk with ReLU, max pooling and zero padding, and a head of one or two 1x1 convolutions."""

    border = Border(first_px=3, last_px=2)

    def __init__(self, config: AlikeConfig) -> None:
        super().__init__(config.trunk, nn.ReLU(inplace=True), F.max_pool2d)
        dim = config.trunk.dim
        self.convhead1 = nn.Conv2d(dim, dim, 1, bias=False) if config.has_hidden_layer else None
        self.convhead2 = nn.Conv2d(dim, dim + 1, 1, bias=False)  # descriptor, then score

    def pad(self, image: Tensor) -> tuple[Tensor, Padding]:
        """Append zeros right and bottom of (B, 3, H, W) images."""
        height, width = image.shape[-2:]
        padding = Padding(left=0, right=-width % STRIDE, top=0, bottom=-height % STRIDE)
        return F.pad(image, (0, padding.right, 0, padding.bottom)), padding

    def score_map(self, pyramid: FeaturePyramid) -> Tensor:
        """Evaluate the head's last channel, (B, 1, H, W); without a hidden layer, before the upsampling."""
        weight = self.convhead2.weight[-1:]
        if self.convhead1 is None:
            return torch.sigmoid(pyramid.project(weight))
        hidden = self.activation(pyramid.project(self.convhead1.weight))
        return torch.sigmoid(F.conv2d(hidden, weight))

    def describe(self, pyramid: FeaturePyramid, keypoints: Tensor) -> Tensor:
        """Interpolate the normalised descriptor map at keypoints (N, 2) in px. Returns (N, dim)."""
        height, width = pyramid.image_size
        index, weight = bilinear_corners(keypoints[:, 0], keypoints[:, 1], height, width)
        features = pyramid.pixels(index.flatten() % width, index.flatten() // width)
        if self.convhead1 is not None:
            features = self.activation(F.linear(features, self.convhead1.weight.flatten(1)))
        descriptors = F.linear(features, self.convhead2.weight[:-1].flatten(1))
        return F.normalize(weighted_sums(F.normalize(descriptors, dim=1), weight), dim=1)
