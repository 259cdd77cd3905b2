"""A feature pyramid whose samples are cheap to differentiate on CPU.

Autograd through the gathers of :class:`FeaturePyramid` keeps and sorts dozens of arrays of every sampled
pixel: four fifths of a training step. One compiled pass over the samples does the same.
"""

from typing import Any

import torch
from torch import Tensor

from vo_frontend.features.networks.pyramid import FeaturePyramid
from vo_frontend.features.networks.sampling import bilinear_corners
from vo_frontend.training.local_features import pyramid_kernels


class TrainingPyramid(FeaturePyramid):
    """Pyramid of one image, on CPU."""

    def unit_pixels(self, x: Tensor, y: Tensor) -> Tensor:
        """Read unit-length features at integer pixels x, y (P,), zero outside the image. Returns (P, dim)."""
        height, width = self.image_size
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        weight = inside.to(self.levels[0].dtype)
        return self._sample(x.clamp(0, width - 1)[:, None], y.clamp(0, height - 1)[:, None], weight[:, None])

    def sample_units(self, positions: Tensor) -> Tensor:
        """Interpolate between unit-length features at positions (P, 2) in px. Returns (P, dim)."""
        height, width = self.image_size
        index, weight = bilinear_corners(positions[:, 0], positions[:, 1], height, width)
        return self._sample(index % width, index // width, weight)

    def _sample(self, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        x, y = x + self.padding.left, y + self.padding.top
        return _SampleUnits.apply(x, y, weight, *self.levels)  # type: ignore[no-any-return, no-untyped-call]


class _SampleUnits(torch.autograd.Function):
    """:mod:`pyramid_kernels` for autograd: x, y, weight (P, K), levels (1, C, h, w) -> (P, dim)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, weight: Tensor, *levels: Tensor) -> Tensor:
        rows = tuple(level[0].permute(1, 2, 0).contiguous() for level in levels)
        ctx.save_for_backward(x, y, weight, *rows)
        arrays = tuple(level.detach().numpy() for level in rows)
        return torch.from_numpy(
            pyramid_kernels.sample_units(arrays, x.numpy(), y.numpy(), weight.detach().numpy())
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, y, weight, *rows = ctx.saved_tensors
        level_gradients = tuple(torch.zeros_like(level) for level in rows)
        weight_gradient = pyramid_kernels.sample_units_backward(
            tuple(level.numpy() for level in rows),
            x.numpy(),
            y.numpy(),
            weight.numpy(),
            gradients[0].contiguous().numpy(),
            tuple(level.numpy() for level in level_gradients),
        )
        maps = (level.permute(2, 0, 1)[None] for level in level_gradients)
        return None, None, torch.from_numpy(weight_gradient), *maps
