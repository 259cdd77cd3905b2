"""What the heads of DELF and DELG need from a network: two feature maps, and where their cells look."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


@dataclass(frozen=True)
class ReceptiveField:
    """Says which pixels a cell of a feature map sees, along one axis of the image.

    Cell j sees ``size_px`` pixels from ``stride_px * j - padding_px`` on.
    """

    size_px: int = 1
    stride_px: int = 1
    padding_px: int = 0

    def through(self, kernel: int, stride: int = 1, padding: int = 0) -> "ReceptiveField":
        """Return the field behind one more layer; ``padding`` is what it adds before the first element."""
        return ReceptiveField(
            self.size_px + (kernel - 1) * self.stride_px,
            self.stride_px * stride,
            self.padding_px + padding * self.stride_px,
        )

    @property
    def first_center_px(self) -> float:
        """Return the position of the centre of cell 0, in px."""
        return (self.size_px - 1) / 2 - self.padding_px

    def centers_px(self, num_cells: int) -> Tensor:
        """Return the centres of the first cells, (num_cells,) float32 in px."""
        return self.first_center_px + self.stride_px * torch.arange(num_cells, dtype=torch.float32)


class Backbone(nn.Module, ABC):
    """Computes a local map S and a coarser, non-negative global map D of images."""

    local_channels: int
    global_channels: int
    local_stride_px: int
    global_stride_px: int
    local_is_signed: bool  # S has negative values

    @abstractmethod
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run on images (B, 3, H, W), RGB in [0, 1].

        Returns:
            local_map: S (B, local_channels, h, w).
            global_map: D (B, global_channels, h', w').
        """

    @abstractmethod
    def local_map(self, images: Tensor) -> Tensor:
        """Compute only S (B, local_channels, h, w) of images (B, 3, H, W), RGB in [0, 1]."""

    @abstractmethod
    def receptive_field(self, length_px: int) -> ReceptiveField:
        """Return what a cell of S sees along an axis on which the image has ``length_px`` pixels."""


class Normalization(nn.Module):
    """Brings RGB in [0, 1] to what a backbone was trained with: ``(x - mean) / std`` per channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, float, float], std: tuple[float, float, float]) -> None:
        super().__init__()
        # Constants of the architecture, not weights: they stay out of the state dict.
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise images (B, 3, H, W), RGB in [0, 1]. Returns (B, 3, H, W)."""
        return (images - self.mean) / self.std


def fold_batch_norm(network: nn.Module) -> None:
    """Merge each batch normalisation into the convolution registered before it: same output, inference only.

    The network must be in evaluation mode, and register every such pair in the order in which it runs.
    """
    for parent in network.modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(list(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, nn.Identity())
