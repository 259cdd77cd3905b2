"""Dense neural reprojection error (NRE, as in ALIKE): cross-entropy over all pixels of an image."""

from dataclasses import dataclass

from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vo_frontend.features.networks.sampling import bilinear_corners

CHUNK = 64  # keypoints whose probability maps are in memory at a time


@dataclass(frozen=True, slots=True)
class DescriptorMap:
    """Descriptors at every ``stride_px``-th pixel of an image, from (0, 0)."""

    table: Tensor  # (h * w, D) of unit length, row by row
    height: int  # h
    width: int  # w
    stride_px: int


def dense_nre_loss(
    descriptors: Tensor, warped: Tensor, descriptor_map: DescriptorMap, temperature: float
) -> Tensor:
    """Evaluate the dense NRE of points whose place in the other image is known; call once per direction.

    Matching probability ``q_m = softmax((C - 1) / t_des)`` over all pixels of the other image, where ``C``
    are the similarities with its descriptor map; ``L = -ln q_m(p_AB)``, with ``q_m`` interpolated
    bilinearly at the warped point ``p_AB``.

    Args:
        descriptors: (N, D) of unit length.
        warped: (N, 2) px in the other image, NaN where unknown; no gradients pass.
        descriptor_map: of the other image.
        temperature: t_des.

    Returns:
        () in [0, inf), ln(h w) for descriptors that say nothing; 0 without known points.
    """
    known = warped.isfinite().all(dim=1).nonzero()[:, 0]
    place = warped.detach()[known] / descriptor_map.stride_px
    index, weight = bilinear_corners(place[:, 0], place[:, 1], descriptor_map.height, descriptor_map.width)
    total = descriptors.sum() * 0
    for start in range(0, len(known), CHUNK):
        part = slice(start, start + CHUNK)
        total = total + checkpoint(  # recomputed in the backward pass: (CHUNK, h * w) at a time
            negative_log_probability,
            descriptors[known[part]],
            descriptor_map.table,
            index[part],
            weight[part],
            temperature,
            use_reentrant=False,
        )
    return total / max(len(known), 1)


def negative_log_probability(
    descriptors: Tensor, table: Tensor, index: Tensor, weight: Tensor, temperature: float
) -> Tensor:
    """Sum ``-ln sum_k weight[n, k] q_m[n, index[n, k]]`` over n.

    descriptors: (N, D); table: (P, D); index, weight: (N, 4) rows of the table. Returns ().
    """
    logits = descriptors @ table.T / temperature  # (N, P)
    corners = logits.gather(1, index) + weight.log()
    return (logits.logsumexp(dim=1) - corners.logsumexp(dim=1)).sum()
