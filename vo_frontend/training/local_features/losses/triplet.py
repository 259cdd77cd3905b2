"""Triplet loss with the hardest negative, the baseline that ALIKE compares the NRE with.

HardNet: A. Mishchuk et al., "Working hard to know your neighbor's margins: Local descriptor learning loss",
NeurIPS 2017.
"""

from torch import Tensor

from vo_frontend.training.local_features.losses.reprojection import mean_or_zero


def triplet_loss(
    descriptors0: Tensor,
    descriptors1: Tensor,
    index0: Tensor,
    index1: Tensor,
    is_near: Tensor,
    margin: float,
) -> Tensor:
    """Evaluate the triplet loss of the points of image 0 with a partner in image 1; call once per direction.

    ``L = max(0, margin + |d_A - d_B| - min |d_A - d_n|)`` over keypoints n of image 1 that are not near.

    Args:
        descriptors0, descriptors1: (M, D), (N, D) of unit length.
        index0, index1: (K,) partners, see :func:`nearest_partners`.
        is_near: (K, N) bool, keypoints of image 1 too close to the truth to be negatives, partners included.
        margin: in units of descriptor distance, which is in [0, 2].

    Returns:
        () in [0, margin + 2]; 0 without partners.
    """
    similarity = descriptors0[index0] @ descriptors1.T  # (K, N)
    positive = similarity.gather(1, index1[:, None])[:, 0]
    hardest = similarity.masked_fill(is_near, -1).max(dim=1).values
    return mean_or_zero((margin + distance(positive) - distance(hardest)).clamp(min=0))


def distance(similarity: Tensor) -> Tensor:
    """Turn dot products (K,) of unit vectors into distances (K,); the clamp keeps the slope finite at 0."""
    return (2 - 2 * similarity).clamp(min=1e-6).sqrt()
