"""Sparse neural reprojection error (ALIKED): cross-entropy over the keypoints of the other image."""

import torch.nn.functional as F
from torch import Tensor


def sparse_nre_loss(
    descriptors0: Tensor, descriptors1: Tensor, index0: Tensor, index1: Tensor, temperature: float
) -> Tensor:
    """Evaluate the sparse NRE of the points of image 0 with a partner in image 1; call once per direction.

    Matching probability ``q_m = softmax((D_1 d_0 - 1) / t_des)`` over the keypoints of image 1; the
    reprojection probability ``q_r`` is 1 for the partner, 0 for all others; ``L_ds`` is their
    cross-entropy, ``-ln q_m(partner)``.

    Args:
        descriptors0, descriptors1: (M, D), (N, D) of unit length.
        index0, index1: (K,) partners, see :func:`nearest_partners`.
        temperature: t_des.

    Returns:
        () in [0, inf), ln N for descriptors that say nothing; 0 without partners.
    """
    similarity = descriptors0[index0] @ descriptors1.T  # (K, N)
    # The -1 of the paper shifts all logits alike: softmax does not see it.
    return F.cross_entropy(similarity / temperature, index1, reduction="sum") / max(len(index0), 1)
