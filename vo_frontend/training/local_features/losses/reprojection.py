"""Reprojection loss (ALIKE): keypoints of two images lie where the geometry says."""

import torch
from torch import Tensor

from vo_frontend.training.local_features.losses.correspondence import nearest_partners


def reprojection_loss(
    points0: Tensor, points1: Tensor, warped0: Tensor, warped1: Tensor, max_distance_px: float
) -> Tensor:
    """Average the distance between keypoints and their nearest warped partners, in both directions.

    ``L_rp = (dist_AB + dist_BA) / 2`` with ``dist_AB = |p_AB - p_B|_1``, where ``p_AB`` is keypoint
    ``p_A`` carried to image B and ``p_B`` the nearest keypoint to it there.

    Args:
        points0, points1: (M, 2), (N, 2) keypoints in px.
        warped0: (M, 2) points0 in image 1; warped1: (N, 2) points1 in image 0; NaN where unknown.
        max_distance_px: pairs farther apart (Euclidean) are different points, not errors.

    Returns:
        () in px, in [0, sqrt(2) * max_distance_px]; 0 without pairs. Gradients reach both members of a pair.
    """
    index0, partner1 = nearest_partners(warped0, points1, max_distance_px)
    index1, partner0 = nearest_partners(warped1, points0, max_distance_px)
    distance01 = (warped0[index0] - points1[partner1]).abs().sum(dim=1)
    distance10 = (warped1[index1] - points0[partner0]).abs().sum(dim=1)
    return torch.stack([mean_or_zero(distance01), mean_or_zero(distance10)]).mean()


def mean_or_zero(values: Tensor) -> Tensor:
    """Average (K,) values to (); 0, with a gradient of 0, where there are none."""
    return values.sum() / max(len(values), 1)
