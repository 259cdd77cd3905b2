"""ResNet-50 and ResNet-101, cut at conv4_x and conv5_x.

K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1. Attribute names follow
torchvision's state dicts: ``layer3`` ends with conv4_x, ``layer4`` with conv5_x.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from vo_frontend.features.networks.places.backbone import Backbone, Normalization, ReceptiveField

BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}  # conv2_x to conv5_x
WIDTHS = (64, 128, 256, 512)
EXPANSION = 4  # channels of a block's output / of its 3x3 convolution
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KERAS_MEAN, KERAS_STD = (128 / 255,) * 3, (128 / 255,) * 3  # (x - 128) / 128 for x in [0, 255]


@dataclass(frozen=True)
class ResNetConfig:
    """Where released ResNets differ. The defaults are torchvision's."""

    blocks: tuple[int, int, int, int] = BLOCKS["resnet50"]
    strides_in_1x1: bool = False  # a stage strides in its first 1x1 convolution, not in its first 3x3
    pads_as_keras: bool = False  # "same" before the 7x7, which is uneven on even sizes; none for max pooling
    norm_eps: float = 1e-5
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    subsamples_local: bool = False  # every second cell of S, for a stride of 32 px as in DELF's release


def torchvision_config(name: str) -> ResNetConfig:
    """Return the configuration of torchvision's "resnet50" or "resnet101"."""
    return ResNetConfig(BLOCKS[name])


def keras_config(name: str, subsamples_local: bool = False) -> ResNetConfig:
    """Return the configuration of the "resnet50" or "resnet101" in the authors' Keras code of DELG."""
    return ResNetConfig(
        BLOCKS[name],
        strides_in_1x1=True,
        pads_as_keras=True,
        norm_eps=1e-3,
        mean=KERAS_MEAN,
        std=KERAS_STD,
        subsamples_local=subsamples_local,
    )


class Bottleneck(nn.Module):
    """Convolves 1x1, 3x3 and 1x1, and adds the input."""

    def __init__(self, channels_in: int, width: int, stride: int, config: ResNetConfig) -> None:
        super().__init__()
        channels_out = EXPANSION * width
        first, middle = (stride, 1) if config.strides_in_1x1 else (1, stride)
        self.conv1 = nn.Conv2d(channels_in, width, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(width, config.norm_eps)
        self.conv2 = nn.Conv2d(width, width, 3, middle, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, config.norm_eps)
        self.conv3 = nn.Conv2d(width, channels_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out, config.norm_eps)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                nn.BatchNorm2d(channels_out, config.norm_eps),
            )
            if stride > 1 or channels_in != channels_out
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (B, channels_in, H, W). Returns (B, 4 * width, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)), inplace=True)


class ResNetBackbone(Backbone):
    """S = conv4_x (1024 channels), D = conv5_x (2048 channels, stride 32)."""

    local_channels, global_channels = EXPANSION * WIDTHS[2], EXPANSION * WIDTHS[3]
    global_stride_px = 32
    local_is_signed = False

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        self.local_stride_px = 32 if config.subsamples_local else 16
        self.normalization = Normalization(config.mean, config.std)
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, stride=2, bias=False)  # padded in forward
        self.bn1 = nn.BatchNorm2d(WIDTHS[0], config.norm_eps)
        self.layer1 = _stage(0, WIDTHS[0], config)
        self.layer2 = _stage(1, EXPANSION * WIDTHS[0], config)
        self.layer3 = _stage(2, EXPANSION * WIDTHS[1], config)
        self.layer4 = _stage(3, EXPANSION * WIDTHS[2], config)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run on images (B, 3, H, W), RGB in [0, 1]. Returns S (B, 1024, h, w) and D (B, 2048, h', w')."""
        conv4 = self._conv4(images)
        return self._local(conv4), self.layer4(conv4)

    def local_map(self, images: Tensor) -> Tensor:
        """Compute only S (B, 1024, h, w) of images (B, 3, H, W), RGB in [0, 1]."""
        return self._local(self._conv4(images))

    def receptive_field(self, length_px: int) -> ReceptiveField:
        """Return what a cell of S sees: 267 px, with Keras's strides 291 px."""
        field = ReceptiveField().through(7, 2, self._stem_padding(length_px)[0])
        field = field.through(3, 2, 0 if self.config.pads_as_keras else 1)
        for stage, blocks in enumerate(self.config.blocks[:3]):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                if self.config.strides_in_1x1:
                    field = field.through(1, stride).through(3, 1, 1)
                else:
                    field = field.through(3, stride, 1)
        return field.through(1, 2) if self.config.subsamples_local else field

    def _conv4(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        sides = (*self._stem_padding(width), *self._stem_padding(height))
        x = F.relu(self.bn1(self.conv1(F.pad(self.normalization(images), sides))), inplace=True)
        x = F.max_pool2d(x, 3, 2, padding=0 if self.config.pads_as_keras else 1)
        return self.layer3(self.layer2(self.layer1(x)))

    def _local(self, conv4: Tensor) -> Tensor:
        return conv4[..., ::2, ::2] if self.config.subsamples_local else conv4

    def _stem_padding(self, length_px: int) -> tuple[int, int]:
        """Return the zeros before and behind an axis; TensorFlow's "same" adds the odd one behind."""
        return (2, 3) if self.config.pads_as_keras and length_px % 2 == 0 else (3, 3)


def _stage(index: int, channels_in: int, config: ResNetConfig) -> nn.Sequential:
    width, stride = WIDTHS[index], 1 if index == 0 else 2
    first = Bottleneck(channels_in, width, stride, config)
    others = [Bottleneck(EXPANSION * width, width, 1, config) for _ in range(config.blocks[index] - 1)]
    return nn.Sequential(first, *others)
