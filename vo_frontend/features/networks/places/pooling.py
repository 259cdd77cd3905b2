"""From a map to a vector: generalised mean and attention."""

import torch.nn.functional as F
from torch import Tensor

GEM_POWER = 3.0
GEM_FLOOR = 1e-6  # smaller activations count as this: a power has no slope at 0


def gem(x: Tensor, power: float | Tensor = GEM_POWER, floor: float = GEM_FLOOR) -> Tensor:
    """Take the generalised mean over the cells of x (B, C, H, W): power 1 is the mean, infinity the maximum.

    F. Radenovic et al., "Fine-tuning CNN Image Retrieval with No Human Annotation", TPAMI 2018, equation (3).
    Returns (B, C).
    """
    x = x.clamp(min=floor)
    largest = x.detach().amax(dim=(2, 3), keepdim=True)  # divided out, so that a large power cannot overflow
    mean = (x / largest).pow(power).mean(dim=(2, 3))
    return largest.flatten(1) * mean.pow(1 / power)


def attention_sum(features: Tensor, attention: Tensor) -> Tensor:
    """Sum the unit vectors of features (B, C, H, W), weighted by attention (B, 1, H, W). Returns (B, C).

    H. Noh et al., "Large-Scale Image Retrieval with Attentive Deep Local Features", ICCV 2017, equation (1).
    """
    return (attention * F.normalize(features, dim=1)).sum(dim=(2, 3))


def attention_mean(features: Tensor, attention: Tensor) -> Tensor:
    """Average what :func:`attention_sum` sums, as DELG does: no dependence on the size of the image."""
    return (attention * F.normalize(features, dim=1)).mean(dim=(2, 3))


def unit_mean(descriptors: Tensor) -> Tensor:
    """Average unit vectors of descriptors (S, B, D) over the S scales. Returns (B, D) of unit length."""
    return F.normalize(F.normalize(descriptors, dim=2).mean(dim=0), dim=1)
