"""The dense feature map of ALIKED and ALIKE, kept as the four levels it is made of.

Both networks define a full-resolution map as the concatenation of four levels (strides 1, 2, 8, 32),
each bilinearly upsampled with aligned corners. It is 240 MB for a KITTI frame with 128 channels, and
nobody needs the whole of it: detection needs a linear projection of it, which commutes with the
upsampling, and description needs a few pixels around each keypoint.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.features.networks.sampling import as_table, bilinear_corners, sample_bilinear, weighted_sums


@dataclass(frozen=True)
class Padding:
    """Pixels added around an image so that both sides are multiples of 32."""

    left: int
    right: int
    top: int
    bottom: int

    def crop(self, padded: Tensor) -> Tensor:
        """Remove the padding from a (..., H, W) map."""
        height, width = padded.shape[-2:]
        return padded[..., self.top : height - self.bottom, self.left : width - self.right]


@dataclass(frozen=True)
class FeaturePyramid:
    """Levels of the dense map of B padded images, finest first, each (B, dim / 4, h, w)."""

    levels: tuple[Tensor, ...]
    padding: Padding

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the image without padding, in px."""
        height, width = self.levels[0].shape[-2:]
        return height - self.padding.top - self.padding.bottom, width - self.padding.left - self.padding.right

    def of_image(self, index: int) -> "FeaturePyramid":
        """Select one image of the batch."""
        return FeaturePyramid(tuple(level[index : index + 1] for level in self.levels), self.padding)

    def project(self, weight: Tensor) -> Tensor:
        """Apply a bias-free 1x1 convolution to the dense maps of the padded images.

        weight: (C, dim, 1, 1). Returns (B, C, H, W).
        """
        size = self.levels[0].shape[-2:]
        groups = weight.chunk(len(self.levels), dim=1)
        total = F.conv2d(self.levels[0], groups[0])
        for level, group in zip(self.levels[1:], groups[1:], strict=True):
            total += F.interpolate(F.conv2d(level, group), size=size, mode="bilinear", align_corners=True)
        return total

    def pixels(self, x: Tensor, y: Tensor) -> Tensor:
        """Read the dense map at integer pixels x, y (P,) of the image without padding; B must be 1.

        Returns (P, dim).
        """
        x, y = x + self.padding.left, y + self.padding.top
        height, width = self.levels[0].shape[-2:]
        columns = [as_table(self.levels[0])[y * width + x]]
        for level in self.levels[1:]:
            x_scale = (level.shape[-1] - 1) / (width - 1)
            y_scale = (level.shape[-2] - 1) / (height - 1)
            columns.append(sample_bilinear(level, x * x_scale, y * y_scale))
        return torch.cat(columns, dim=1)

    def unit_pixels(self, x: Tensor, y: Tensor) -> Tensor:
        """Read unit-length features at integer pixels x, y (P,), zero outside the image. Returns (P, dim)."""
        height, width = self.image_size
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        features = self.pixels(x.clamp(0, width - 1), y.clamp(0, height - 1))
        return F.normalize(features, dim=1) * inside[:, None]

    def sample_units(self, positions: Tensor) -> Tensor:
        """Interpolate between unit-length features at positions (P, 2) in px. Returns (P, dim)."""
        height, width = self.image_size
        index, weight = bilinear_corners(positions[:, 0], positions[:, 1], height, width)
        corners = F.normalize(self.pixels(index.flatten() % width, index.flatten() // width), dim=1)
        return weighted_sums(corners, weight)
