"""Dense neural reprojection error (NRE, as in ALIKE): cross-entropy over all pixels of an image."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vo_frontend.features.networks.sampling import bilinear_corners

OUTLIER_SIMILARITY = 0.5  # of the bin: between those of wrong matches and of right ones
CHUNK = 64  # keypoints whose probability maps are in memory at a time


@dataclass(frozen=True, slots=True)
class DescriptorMap:
    """Descriptors at every ``stride_px``-th pixel of an image, from (0, 0)."""

    table: Tensor  # (h * w, D) of unit length, row by row
    height: int  # h
    width: int  # w
    stride_px: int


def dense_nre_loss(
    descriptors: Tensor,
    warped: Tensor,
    descriptor_map: DescriptorMap,
    temperature: float,
    is_outlier: Tensor | None = None,
) -> Tensor:
    """Evaluate the dense NRE of points whose place in the other image is known; call once per direction.

    Matching probability ``q_m = softmax((C - 1) / t_des)`` over all pixels of the other image, where ``C``
    are the similarities with its descriptor map; ``L = -ln q_m(p_AB)``, with ``q_m`` interpolated
    bilinearly at the warped point ``p_AB``. With an outlier bin, one more place of constant similarity, a
    point that the other image does not show has ``L = -ln q_m(bin)``.

    Args:
        descriptors: (N, D) of unit length.
        warped: (N, 2) px in the other image, NaN where unknown; no gradients pass.
        descriptor_map: of the other image.
        temperature: t_des.
        is_outlier: (N,) bool, points that the other image does not show; None: there is no bin.

    Returns:
        () in [0, inf), ln(h w) without a bin for descriptors that say nothing; 0 without known points.
    """
    is_known = warped.isfinite().all(dim=1)
    known = (is_known if is_outlier is None else is_known | is_outlier).nonzero()[:, 0]
    place = warped.detach()[known].nan_to_num() / descriptor_map.stride_px
    index, weight = bilinear_corners(place[:, 0], place[:, 1], descriptor_map.height, descriptor_map.width)
    if is_outlier is not None:
        outside = is_outlier[known, None]
        index = torch.where(outside, len(descriptor_map.table), index)
        weight = torch.where(outside, torch.tensor([1.0, 0, 0, 0]).to(weight), weight)
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
            is_outlier is not None,
            use_reentrant=False,
        )
    return total / max(len(known), 1)


def negative_log_probability(
    descriptors: Tensor, table: Tensor, index: Tensor, weight: Tensor, temperature: float, has_bin: bool
) -> Tensor:
    """Sum ``-ln sum_k weight[n, k] q_m[n, index[n, k]]`` over n.

    descriptors: (N, D); table: (P, D); index, weight: (N, 4) rows of the table, P for the bin. Returns ().
    """
    logits = descriptors @ table.T / temperature  # (N, P)
    if has_bin:
        logits = F.pad(logits, (0, 1), value=OUTLIER_SIMILARITY / temperature)
    corners = logits.gather(1, index) + weight.log()
    return (logits.logsumexp(dim=1) - corners.logsumexp(dim=1)).sum()
