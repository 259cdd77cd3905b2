"""Sparse deformable descriptor head (SDDH) of ALIKED.

X. Zhao et al., "ALIKED: A Lighter Keypoint and Descriptor Extraction Network via Deformable
Transformation", IEEE Transactions on Instrumentation and Measurement, 2023.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vo_frontend.features.networks.pyramid import FeaturePyramid


class SparseDeformableDescriptorHead(nn.Module):
    """Describes a keypoint by features at M positions that the network chooses around it."""

    def __init__(self, dim: int, num_positions: int) -> None:
        super().__init__()
        self.dim, self.num_positions = dim, num_positions
        self.offset_conv = nn.Sequential(
            nn.Conv2d(dim, 2 * num_positions, 3),
            nn.SELU(inplace=True),
            nn.Conv2d(2 * num_positions, 2 * num_positions, 1),
        )
        self.sf_conv = nn.Conv2d(dim, dim, 1, bias=False)
        self.agg_weights = nn.Parameter(torch.empty(num_positions, dim, dim))
        nn.init.normal_(self.agg_weights, std=(num_positions * dim) ** -0.5)

    def forward(self, pyramid: FeaturePyramid, keypoints: Tensor) -> Tensor:
        """Describe keypoints (N, 2) in px. Returns (N, dim) of unit length."""
        positions = keypoints[:, None] + self.offsets(pyramid, keypoints)  # (N, M, 2)
        sampled = pyramid.sample_units(positions.flatten(0, 1))  # (N * M, dim)
        features = F.selu(F.linear(sampled, self.sf_conv.weight.flatten(1)), inplace=True)
        summed = features.view(len(keypoints), self.num_positions * self.dim) @ self.agg_weights.flatten(0, 1)
        return F.normalize(summed, dim=1)

    def offsets(self, pyramid: FeaturePyramid, keypoints: Tensor) -> Tensor:
        """Predict, from the 3x3 patch at each keypoint, where to sample. Returns (N, M, 2) in px."""
        reach = torch.arange(-1, 2, device=keypoints.device)
        corner = keypoints.long()  # the official network truncates, it does not round
        x = (corner[:, 0, None, None] + reach).expand(-1, 3, 3)
        y = (corner[:, 1, None, None] + reach[:, None]).expand(-1, 3, 3)
        patches = pyramid.unit_pixels(x.flatten(), y.flatten()).view(*x.shape, self.dim)
        limit = max(pyramid.image_size) / 4
        offsets = self.offset_conv(patches.permute(0, 3, 1, 2)).clamp(-limit, limit)
        dx_dy = offsets.view(len(keypoints), 2, self.num_positions)  # channels: all dx, then all dy
        return dx_dy.transpose(1, 2)
