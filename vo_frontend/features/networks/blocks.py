"""Convolution blocks that ALIKED and ALIKE share. Attribute names follow the official state dicts."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


class FoldableConv(Protocol):
    """A convolution without bias that can absorb the batch normalisation behind it."""

    def __call__(self, x: Tensor) -> Tensor:
        """Convolve x (B, channels_in, H, W). Returns (B, channels_out, H, W)."""
        ...

    def fold(self, norm: nn.BatchNorm2d) -> None:
        """Merge the scale and shift of ``norm``, in evaluation mode."""
        ...


class Conv3x3(nn.Conv2d):
    """Ordinary 3x3 convolution, size kept."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 3, padding=1, bias=False)

    def fold(self, norm: nn.BatchNorm2d) -> None:
        """Merge the scale and shift of ``norm``, in evaluation mode."""
        self.weight, self.bias = fuse_conv_bn_weights(
            self.weight,
            self.bias,
            norm.running_mean,  # type: ignore[arg-type]
            norm.running_var,  # type: ignore[arg-type]
            norm.eps,
            norm.weight,
            norm.bias,
        )


class Block(nn.Module):
    """Two 3x3 convolutions, each with batch normalisation and activation; residual unless it is the first."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        activation: nn.Module,
        conv: Callable[[int, int], FoldableConv] = Conv3x3,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.conv1 = conv(channels_in, channels_out)
        self.bn1: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(channels_out)
        self.conv2 = conv(channels_out, channels_out)
        self.bn2: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(channels_out)
        self.downsample = nn.Conv2d(channels_in, channels_out, 1) if residual else None
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (B, channels_in, H, W). Returns (B, channels_out, H, W)."""
        y = self.activation(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.downsample is not None:
            y += self.downsample(x)
        return self.activation(y)  # type: ignore[no-any-return]

    def fold_batch_norm(self) -> None:
        """Merge batch normalisation into the convolutions: the same output, for inference only."""
        if isinstance(self.bn1, nn.BatchNorm2d) and isinstance(self.bn2, nn.BatchNorm2d):
            self.conv1.fold(self.bn1)
            self.conv2.fold(self.bn2)
            self.bn1, self.bn2 = nn.Identity(), nn.Identity()
