"""EfficientNet-lite0: 16 inverted bottlenecks with ReLU6, without squeeze-and-excitation.

M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019,
table 1; the blocks are those of M. Sandler et al., "MobileNetV2", CVPR 2018.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from vo_frontend.features.networks.places.backbone import Backbone, Normalization, ReceptiveField

NORM_EPS = 1e-3
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
LOCAL_BLOCK = 10  # its output is S


@dataclass(frozen=True)
class MBConvConfig:
    """Sizes of one inverted bottleneck."""

    channels_in: int
    channels_out: int
    kernel: int
    stride: int
    expansion: int


def _lite0_blocks() -> list[MBConvConfig]:
    """List the 16 blocks: stages of (number, kernel, stride of the first, expansion, channels)."""
    stages = (
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    )
    blocks, channels_in = [], STEM_CHANNELS
    for number, kernel, first_stride, expansion, channels in stages:
        for index in range(number):
            stride = first_stride if index == 0 else 1
            blocks.append(MBConvConfig(channels_in, channels, kernel, stride, expansion))
            channels_in = channels
    return blocks


class ConvNorm(nn.Module):
    """Convolution, batch normalisation and, if asked for, ReLU6."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        depthwise: bool = False,
        activates: bool = True,
    ) -> None:
        super().__init__()
        before = padding_before(kernel, stride)
        behind = kernel - stride - before
        # Where both sides are alike the convolution pads faster than a copy of its input.
        self.sides = (before, behind) * 2 if before != behind else None
        self.conv = nn.Conv2d(
            channels_in,
            channels_out,
            kernel,
            stride,
            padding=before if self.sides is None else 0,
            groups=channels_in if depthwise else 1,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(channels_out, NORM_EPS)
        self.activates = activates

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (B, channels_in, H, W). Returns (B, channels_out, H / stride, W / stride)."""
        y = self.norm(self.conv(x if self.sides is None else F.pad(x, self.sides)))
        return F.relu6(y, inplace=True) if self.activates else y


class MBConv(nn.Module):
    """Expands the channels, convolves each on its own, projects, and adds the input where sizes agree."""

    def __init__(self, config: MBConvConfig) -> None:
        super().__init__()
        wide = config.channels_in * config.expansion
        self.expand = ConvNorm(config.channels_in, wide) if config.expansion > 1 else nn.Identity()
        self.depthwise = ConvNorm(wide, wide, config.kernel, config.stride, depthwise=True)
        self.project = ConvNorm(wide, config.channels_out, activates=False)
        self.is_residual = config.stride == 1 and config.channels_in == config.channels_out

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (B, channels_in, H, W). Returns (B, channels_out, H / stride, W / stride)."""
        y = self.project(self.depthwise(self.expand(x)))
        return y + x if self.is_residual else y


class EfficientNetLite0(Backbone):
    """S = output of block 10 (112 channels, stride 16, signed), D = head (1280 channels, stride 32)."""

    local_channels, global_channels = 112, HEAD_CHANNELS
    local_stride_px, global_stride_px = 16, 32
    local_is_signed = True  # a block ends with a linear projection

    def __init__(self) -> None:
        super().__init__()
        configs = _lite0_blocks()
        self.normalization = Normalization((127 / 255,) * 3, (128 / 255,) * 3)
        self.stem = ConvNorm(3, STEM_CHANNELS, 3, 2)
        self.blocks = nn.ModuleList(MBConv(config) for config in configs)
        self.head = ConvNorm(configs[-1].channels_out, HEAD_CHANNELS)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run on images (B, 3, H, W), RGB in [0, 1]. Returns S (B, 112, h, w) and D (B, 1280, h', w')."""
        local_map = self.local_map(images)
        x = local_map
        for block in self.blocks[LOCAL_BLOCK + 1 :]:
            x = block(x)
        return local_map, self.head(x)

    def local_map(self, images: Tensor) -> Tensor:
        """Compute only S (B, 112, h, w) of images (B, 3, H, W), RGB in [0, 1]."""
        x = self.stem(self.normalization(images))
        for block in self.blocks[: LOCAL_BLOCK + 1]:
            x = block(x)
        return x

    def receptive_field(self, length_px: int) -> ReceptiveField:
        """Return what a cell of S sees: 339 px, on images of any length."""
        return local_receptive_field()


def local_receptive_field() -> ReceptiveField:
    """Return what a cell of S sees: 339 px."""
    field = ReceptiveField().through(3, 2, padding_before(3, 2))
    for config in _lite0_blocks()[: LOCAL_BLOCK + 1]:
        field = field.through(config.kernel, config.stride, padding_before(config.kernel, config.stride))
    return field


def padding_before(kernel: int, stride: int) -> int:
    """Return the zeros before an axis: TensorFlow's "same" on even sizes, here on all sizes.

    A padding that changed with the parity of the size would move the cells between scales of a pyramid.
    """
    return (kernel - stride) // 2
