"""ArcFace: classify by angles, with a margin for the true class.

J. Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019.
"""

import math

import torch
from torch import Tensor

COSINE_LIMIT = 1 - 1e-6  # the slope of the angle is infinite at 1


def arcface_logits(cosines: Tensor, labels: Tensor, margin_rad: float, scale: float) -> Tensor:
    """Return ``scale * cos(theta + margin)`` for the true class and ``scale * cos(theta)`` for all others.

    Written without the angle, ``cos theta cos m - sin theta sin m``. Beyond ``pi - margin``, where the sum
    would turn round, there is no margin.

    Args:
        cosines: (B, N) of descriptors with the directions of N classes.
        labels: (B,) true classes.
        margin_rad: m.
        scale: gamma.
    """
    cosines = cosines.clamp(-COSINE_LIMIT, COSINE_LIMIT)
    true = cosines.gather(1, labels[:, None])
    sines = (1 - true * true).sqrt()
    moved = true * math.cos(margin_rad) - sines * math.sin(margin_rad)
    moved = torch.where(true > -math.cos(margin_rad), moved, true)
    return scale * cosines.scatter(1, labels[:, None], moved)
