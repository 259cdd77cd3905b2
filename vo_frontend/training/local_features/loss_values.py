"""Measure the losses of weights that are not being trained."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from vo_frontend.features.networks.trunk import FeatureNetwork
from vo_frontend.training.data.pairs import ImagePair, stack
from vo_frontend.training.engine.randomness import torch_generator
from vo_frontend.training.local_features.objective import LocalFeatureObjective
from vo_frontend.training.local_features.train_config import ObjectiveConfig

DENSE_STRIDE_PX = 4  # every pixel costs 16 times as much


@dataclass(frozen=True, slots=True)
class LossValues:
    """Means over pairs: the objective that training minimises, and every loss without its weight."""

    total: float  # with the sparse NRE
    reprojection_px: float
    peak: float
    sparse_nre: float
    dense_nre: float  # against the descriptors of every fourth pixel along x and y
    triplet: float
    reliability: float


@torch.no_grad()
def measure_losses(network: FeatureNetwork, pairs: Sequence[ImagePair], seed: int = 0) -> LossValues:
    """Evaluate all losses in evaluation mode on at least one pair; all losses see the same points."""
    network.eval()
    values = torch.zeros(len(fields(LossValues)))
    for number, pair in enumerate(pairs):
        batch = stack([pair])
        terms = [
            LocalFeatureObjective(ObjectiveConfig(descriptor=descriptor, dense_stride_px=DENSE_STRIDE_PX))(
                network, batch, torch_generator(torch.device("cpu"), seed, number)
            )
            for descriptor in ("sparse_nre", "dense_nre", "triplet")
        ]
        first = terms[0]
        descriptor = [term.descriptor for term in terms]
        values += torch.stack([first.total, first.reprojection, first.peak, *descriptor, first.reliability])
    return LossValues(*(values / len(pairs)).tolist())
