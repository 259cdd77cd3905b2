"""Deformable 3x3 convolution without modulation, in plain torch.

J. Dai et al., "Deformable Convolutional Networks", ICCV 2017, equation (2).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vo_frontend.features.networks.blocks import Conv3x3
from vo_frontend.features.networks.sampling import as_table, bilinear_corners, weighted_rows

TAPS = 9


class DeformableConv(nn.Module):
    """3x3 convolution whose nine taps are displaced per pixel by a second, ordinary convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.offset_conv = nn.Conv2d(channels_in, 2 * TAPS, 3, padding=1)
        self.regular_conv = Conv3x3(channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (B, channels_in, H, W). Returns (B, channels_out, H, W)."""
        with torch.autocast(x.device.type, enabled=False):  # half precision blurs positions by whole pixels
            x = x.to(self.offset_conv.weight.dtype)
            limit = max(x.shape[-2:]) / 4
            offsets = self.offset_conv(x).clamp(-limit, limit)
            return deformable_conv3x3(x, offsets, self.regular_conv.weight, self.regular_conv.bias)

    def fold(self, norm: nn.BatchNorm2d) -> None:
        """Merge the scale and shift of ``norm``, in evaluation mode."""
        self.regular_conv.fold(norm)


def deformable_conv3x3(x: Tensor, offsets: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve with displaced taps; zero offsets give ``conv2d`` with padding 1.

    Args:
        x: (B, C, H, W).
        offsets: (B, 18, H, W) in px; tap ``3 * row + column`` reads its dy and dx from channels
            ``2 * tap`` and ``2 * tap + 1``.
        weight: (D, C, 3, 3).
        bias: (D,) or None.

    Returns:
        (B, D, H, W)
    """
    batch, _, height, width = x.shape
    row = torch.arange(height, device=x.device)[:, None, None]
    column = torch.arange(width, device=x.device)[:, None]
    tap = torch.arange(TAPS, device=x.device)
    dy_dx = offsets.permute(0, 2, 3, 1).reshape(batch, height, width, TAPS, 2)
    sample_y = row - 1 + tap // 3 + dy_dx[..., 0]  # (B, H, W, 9)
    sample_x = column - 1 + tap % 3 + dy_dx[..., 1]
    index, corner_weight = bilinear_corners(sample_x.flatten(1), sample_y.flatten(1), height, width)
    index = index + height * width * torch.arange(batch, device=x.device)[:, None, None]
    samples = weighted_rows(as_table(x), index.flatten(0, 1), corner_weight.flatten(0, 1))  # a row per tap
    kernel = weight.permute(0, 2, 3, 1).flatten(1)  # (D, 9 * C)
    y = F.linear(samples.view(batch * height * width, -1), kernel, bias)
    return y.view(batch, height, width, -1).permute(0, 3, 1, 2)  # channels-last in memory
