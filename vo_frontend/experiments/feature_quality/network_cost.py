"""What a network costs, independent of the machine."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from vo_frontend.features.networks.trunk import FeatureNetwork


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """Size and arithmetic of a network."""

    parameters: int  # learnable
    gflop: float  # per image


@torch.no_grad()
def network_cost(network: FeatureNetwork, width: int, height: int, num_keypoints: int) -> NetworkCost:
    """Count parameters, and the operations of one image with so many described keypoints.

    Multiplications and additions count one each, in convolutions and matrix products as our network
    evaluates them (1x1 convolutions before the upsampling, where the papers' code has them after it).
    Activations, interpolation and the search for maxima are not counted.
    """
    network.eval()
    keypoints = torch.full((num_keypoints, 2), 0.5 * min(width, height))
    with FlopCounterMode(display=False) as counter:
        pyramid, _ = network(torch.zeros(1, 3, height, width))
        network.describe(pyramid, keypoints)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return NetworkCost(parameters, counter.get_total_flops() / 1e9)
