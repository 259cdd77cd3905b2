"""The compiled reader of the pyramid against autograd through the plain one."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from vo_frontend.features.networks.pyramid import FeaturePyramid, Padding
from vo_frontend.training.local_features.training_pyramid import TrainingPyramid

Pyramids = tuple[FeaturePyramid, TrainingPyramid]


@pytest.fixture(params=[(64, 96, Padding(0, 0, 0, 0)), (64, 64, Padding(3, 4, 5, 6))])
def pyramids(request: pytest.FixtureRequest) -> Pyramids:
    height, width, padding = request.param
    generator = torch.Generator().manual_seed(0)
    levels = tuple(
        torch.randn(1, 16, height // s, width // s, generator=generator).requires_grad_()
        for s in (1, 2, 8, 32)
    )
    return FeaturePyramid(levels, padding), TrainingPyramid(levels, padding)


def values_and_gradients(output: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    weights = torch.linspace(-1, 1, output.numel()).view_as(output)
    return output, *torch.autograd.grad((output * weights).sum(), inputs)


def test_samples_and_their_gradients_are_those_of_autograd(pyramids: Pyramids) -> None:
    positions = 100 * torch.rand(200, 2, generator=torch.Generator().manual_seed(1)) - 2  # some outside
    positions[:20] = positions[:20].round()
    positions.requires_grad_()
    plain, compiled = (
        values_and_gradients(pyramid.sample_units(positions), (positions, *pyramid.levels))
        for pyramid in pyramids
    )
    torch.testing.assert_close(compiled, plain, rtol=1e-3, atol=1e-5)


def test_pixels_and_their_gradients_are_those_of_autograd(pyramids: Pyramids) -> None:
    x, y = torch.meshgrid(torch.arange(-2, 70), torch.arange(-2, 70), indexing="xy")
    plain, compiled = (
        values_and_gradients(pyramid.unit_pixels(x.flatten(), y.flatten()), pyramid.levels)
        for pyramid in pyramids
    )
    torch.testing.assert_close(compiled, plain, rtol=1e-3, atol=1e-5)
