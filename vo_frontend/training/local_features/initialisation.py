"""Weights to start training from."""

import math

import torch
from torch import Tensor, nn

from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.aliked.deformable_conv import DeformableConv
from vo_frontend.features.networks.aliked.description import SparseDeformableDescriptorHead
from vo_frontend.features.networks.trunk import FeatureNetwork

SPREAD_PX = 16.0  # radius of the descriptor's first sampling pattern


def random_network(architecture: str, seed: int) -> FeatureNetwork:
    """Build an ALIKED or ALIKE network with the random weights that training starts from."""
    network = make_network(architecture)
    initialise(network, torch.Generator().manual_seed(seed))
    return network


def initialise(network: FeatureNetwork, generator: torch.Generator) -> None:
    """Draw weights that keep the variance of activations, and offsets that deform nothing yet.

    Convolutions: zero mean, variance 1 / fan-in, as SELU asks for (G. Klambauer et al., "Self-Normalizing
    Neural Networks", NeurIPS 2017). Deformable convolutions start as ordinary ones. A descriptor starts
    with a fixed sunflower of samples around its keypoint: the official weights end 1 to 25 px away from
    it, a long way at the pace of gradients that come from single pixels.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            nn.init.normal_(module.weight, std=fan_in**-0.5, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, DeformableConv):
            nn.init.zeros_(module.offset_conv.weight)
        elif isinstance(module, SparseDeformableDescriptorHead):
            std = (module.num_positions * module.dim) ** -0.5
            nn.init.normal_(module.agg_weights, std=std, generator=generator)
            last = module.offset_conv[2]
            assert isinstance(last, nn.Conv2d)
            assert last.bias is not None
            nn.init.normal_(last.weight, std=0.1 * last.in_channels**-0.5, generator=generator)
            with torch.no_grad():
                last.bias.copy_(sunflower(module.num_positions, SPREAD_PX).T.flatten())


def sunflower(count: int, radius_px: float) -> Tensor:
    """Spread points evenly over a disc (H. Vogel, 1979). Returns (count, 2) x, y in px."""
    number = torch.arange(count)
    radius = radius_px * ((number + 0.5) / count).sqrt()
    angle = number * math.pi * (3 - math.sqrt(5))
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
