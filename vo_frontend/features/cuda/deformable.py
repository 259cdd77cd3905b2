"""Residual blocks of deformable convolutions in operations of fixed shape."""

import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.features.cuda.plan import TapGrid
from vo_frontend.features.cuda.precision import Precision
from vo_frontend.features.networks.aliked.deformable_conv import TAPS, DeformableConv
from vo_frontend.features.networks.blocks import Block

# Sampling runs one thread per position: on the small maps of the coarse blocks that would leave a GPU empty,
# so the channels are spread over threads in groups of this many.
CHANNELS_PER_THREAD = 8


class CudaDeformableBlock:
    """Computes what ``Block`` does with deformable convolutions, batch normalisation folded."""

    def __init__(self, block: Block, precision: Precision, device: torch.device) -> None:
        """Copy the weights of ``block``."""
        assert isinstance(block.conv1, DeformableConv)
        assert isinstance(block.conv2, DeformableConv)
        assert block.downsample is not None
        assert block.downsample.bias is not None
        self._first = CudaDeformableConv(block.conv1, precision, device)
        self._second = CudaDeformableConv(block.conv2, precision, device, block.downsample.bias)
        self._shortcut = precision.copy(block.downsample.weight, device)

    def __call__(self, x: Tensor, taps: TapGrid) -> Tensor:
        """Convolve x (B, channels_in, h, w). Returns (B, channels_out, h, w)."""
        y = self._second(F.selu(self._first(x, taps), inplace=True), taps)
        y += F.conv2d(x, self._shortcut)
        return F.selu(y, inplace=True)


class CudaDeformableConv:
    """Computes what ``DeformableConv`` does: all samples by one call, then a 1x1 convolution of the taps."""

    def __init__(
        self,
        conv: DeformableConv,
        precision: Precision,
        device: torch.device,
        more_bias: Tensor | float = 0.0,
    ) -> None:
        """Copy the weights of ``conv``; ``more_bias``, (D,) or a number, is added to the output."""
        self._precision = precision
        offsets, kernel = conv.offset_conv, conv.regular_conv
        assert offsets.bias is not None
        assert kernel.bias is not None
        self._offset_weight = precision.copy(_x_first(offsets.weight), device)
        self._offset_bias = precision.copy(_x_first(offsets.bias), device)
        self._weight = precision.copy(kernel.weight.flatten(1)[:, :, None, None], device)  # (D, C * 9, 1, 1)
        self._bias = precision.copy(kernel.bias + more_bias, device)

    def __call__(self, x: Tensor, taps: TapGrid) -> Tensor:
        """Convolve x (B, channels_in, h, w). Returns (B, channels_out, h, w)."""
        batch, channels, height, width = x.shape
        offsets = F.conv2d(x, self._offset_weight, self._offset_bias, padding=1)
        offsets = offsets.clamp(-taps.limit_px, taps.limit_px)
        dx_dy = offsets.view(batch, TAPS, 2, height, width).permute(0, 1, 3, 4, 2)  # (B, 9, h, w, 2)
        positions = torch.addcmul(taps.centers, dx_dy, taps.per_px).flatten(1, 2)  # (B, 9 * h, w, 2)
        samples = _sample(x, positions).view(batch, channels * TAPS, height, width)
        samples = samples.to(self._precision.dtype, memory_format=self._precision.layout)
        return F.conv2d(samples, self._weight, self._bias)


def _x_first(parameter: Tensor) -> Tensor:
    """Order the outputs of an offset convolution, dy and dx of each tap, as dx and dy."""
    return parameter.view(TAPS, 2, *parameter.shape[1:]).flip(1).flatten(0, 1)


def _sample(x: Tensor, positions: Tensor) -> Tensor:
    """Interpolate x (B, C, h, w) at normalized positions (B, p, q, 2), 0 outside: (B, C, p, q) float32."""
    batch, channels, height, width = x.shape
    groups = channels // CHANNELS_PER_THREAD
    planes = x.to(torch.float32, memory_format=torch.contiguous_format)
    planes = planes.view(batch * groups, CHANNELS_PER_THREAD, height, width)
    repeated = positions[:, None].expand(-1, groups, -1, -1, -1).reshape(-1, *positions.shape[1:])
    # Not F.grid_sample, which hands over to cuDNN where it can.
    samples = torch.grid_sampler_2d(planes, repeated, 0, 0, True)
    return samples.view(batch, channels, *positions.shape[1:3])
