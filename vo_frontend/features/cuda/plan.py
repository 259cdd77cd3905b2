"""What ALIKED on a GPU needs to know of an image size, computed once.

A captured graph cannot copy constants from the host, so all of them are tensors on the device beforehand.
Normalized positions are in [-1, 1] from the centre of the first pixel to that of the last one; they are the
same on all levels of the pyramid, because these are aligned at their corners.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vo_frontend.features.networks.aliked.deformable_conv import TAPS
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.features.networks.pyramid import Padding
from vo_frontend.features.networks.sizes import STRIDE
from vo_frontend.features.window import RADIUS_PX


@dataclass(frozen=True)
class CudaPlan:
    """Constants for images of one size, H x W, padded to Hp x Wp."""

    image_size: tuple[int, int]  # H, W in px
    padding: Padding
    source: tuple[Tensor, Tensor, Tensor]  # int64 (Hp, 1, 1) rows, (Wp, 1) columns, (C,) channels to read
    taps3: "TapGrid"  # of the deformable convolutions at 1/8
    taps4: "TapGrid"  # of those at 1/32
    last_px: Tensor  # (2,) W - 1, H - 1
    first_px: Tensor  # (2,) zeros
    padded_by: Tensor  # (2,) left, top
    px_to_normalized: Tensor  # (2,) normalized units per px of the padded image
    window_px: Tensor  # (25, 2) dx, dy of the soft-argmax
    window_index: Tensor  # (25,) int64, the same in the flattened image
    patch_px: Tensor  # (9, 2) dx, dy of a 3x3 patch, row by row
    corners_px: Tensor  # (4, 2) dx, dy of the pixels around a position


@dataclass(frozen=True)
class TapGrid:
    """Where the taps of a 3x3 convolution lie, normalized x and y."""

    centers: Tensor  # (9, h, w, 2) taps that are not displaced
    per_px: Tensor  # (2,) normalized units per px
    limit_px: float  # of a displacement


def make_plan(
    network: AlikedNetwork, image_size: tuple[int, int], num_channels: int, device: torch.device
) -> CudaPlan:
    """Compute the constants for images of height, width ``image_size`` in px and ``num_channels`` channels.

    The first three channels are those of the image; the others, which only align the memory, repeat the
    first one.
    """
    height, width = image_size
    _, padding = network.pad(torch.empty((1, 3, height, width), device="meta"))
    x = torch.arange(width + padding.left + padding.right) - padding.left
    y = torch.arange(height + padding.top + padding.bottom) - padding.top
    channel = torch.arange(num_channels)
    padded_height, padded_width = len(y), len(x)
    window = _offsets(RADIUS_PX)
    return CudaPlan(
        image_size=image_size,
        padding=padding,
        source=(
            y.clamp(0, height - 1)[:, None, None].to(device),
            x.clamp(0, width - 1)[:, None].to(device),
            channel.where(channel < 3, 0).to(device),
        ),
        taps3=_tap_grid(padded_height // 8, padded_width // 8, device),
        taps4=_tap_grid(padded_height // STRIDE, padded_width // STRIDE, device),
        last_px=torch.tensor([width - 1.0, height - 1.0], device=device),
        first_px=torch.zeros(2, device=device),
        padded_by=torch.tensor([float(padding.left), float(padding.top)], device=device),
        px_to_normalized=_per_px(padded_height, padded_width).to(device),
        window_px=window.float().to(device),
        window_index=(window[:, 1] * width + window[:, 0]).to(device),
        patch_px=_offsets(1).float().to(device),
        corners_px=torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], device=device),
    )


def _tap_grid(height: int, width: int, device: torch.device) -> TapGrid:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([x, y], dim=-1) + _offsets(1).view(TAPS, 1, 1, 2)
    per_px = _per_px(height, width)
    return TapGrid(
        centers=(pixels * per_px.double() - 1).float().to(device),
        per_px=per_px.to(device),
        limit_px=max(height, width) / 4,
    )


def _per_px(height: int, width: int) -> Tensor:
    return torch.tensor([2 / (width - 1), 2 / (height - 1)])


def _offsets(radius: int) -> Tensor:
    """List the offsets dx, dy within a square window, row by row, ((2 * radius + 1)^2, 2) int64."""
    reach = torch.arange(-radius, radius + 1)
    dy, dx = torch.meshgrid(reach, reach, indexing="ij")
    return torch.stack([dx.flatten(), dy.flatten()], dim=1)
