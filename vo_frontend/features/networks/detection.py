"""Differentiable keypoint detection (DKD) on a score map, as used by ALIKE and ALIKED.

X. Zhao et al., "ALIKE: Accurate and Lightweight Keypoint Detection and Descriptor Extraction",
IEEE Transactions on Multimedia, 2022.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.features.networks.sampling import sample_bilinear
from vo_frontend.features.networks.sizes import Border
from vo_frontend.features.window import RADIUS_PX, TEMPERATURE


def detect(score_map: Tensor, max_keypoints: int, border: Border) -> tuple[Tensor, Tensor]:
    """Find the best local maxima to sub-pixel precision.

    Args:
        score_map: (H, W) in [0, 1].
        max_keypoints: budget; the result is shorter only where there are fewer local maxima.
        border: where no keypoint may lie.

    Returns:
        keypoints: (N, 2) x, y in px, by descending score of the maximum they started from.
        scores: (N,) score map at the sub-pixel positions.
    """
    is_maximum = local_maxima(score_map) & (score_map > 0)
    height, width = score_map.shape
    rows = slice(border.first_px, height - border.last_px)
    columns = slice(border.first_px, width - border.last_px)
    y, x = is_maximum[rows, columns].nonzero(as_tuple=True)
    y, x = y + border.first_px, x + border.first_px
    candidates = score_map[y, x]
    best = candidates.topk(min(max_keypoints, len(candidates))).indices
    keypoints = refine(score_map, x[best], y[best])
    scores = sample_bilinear(score_map[None, None], keypoints[:, 0], keypoints[:, 1])[:, 0]
    return keypoints, scores


def local_maxima(score_map: Tensor) -> Tensor:
    """Find local maxima, in two more passes over what the maxima found so far leave uncovered.

    Equal neighbours all survive. score_map: (H, W), not negative. Returns (H, W) bool.
    """
    is_maximum = score_map == window_max(score_map)
    for _ in range(2):
        covered = window_max(is_maximum.byte()).bool()
        remainder = score_map.masked_fill(covered, 0)
        is_maximum = is_maximum | ((remainder == window_max(remainder)) & ~covered)
    return is_maximum


def window_max(values: Tensor) -> Tensor:
    """Take the maximum over the 5x5 window of each pixel; values (H, W), not negative.

    Two passes of three shifted maxima; ``max_pool2d`` also computes indices, four times slower on CPU.
    """
    padded = F.pad(values, (RADIUS_PX,) * 4)
    pairs = torch.maximum(padded[:, :-1], padded[:, 1:])
    rows = torch.maximum(torch.maximum(pairs[:, :-3], pairs[:, 2:-1]), padded[:, 4:])
    pairs = torch.maximum(rows[:-1], rows[1:])
    return torch.maximum(torch.maximum(pairs[:-3], pairs[2:-1]), rows[4:])


def refine(score_map: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Move integer maxima x, y (N,) to the soft-argmax of their 5x5 window. Returns (N, 2) px.

    The windows must lie inside the map.
    """
    reach = torch.arange(-RADIUS_PX, RADIUS_PX + 1, device=score_map.device)
    dy, dx = (grid.flatten() for grid in torch.meshgrid(reach, reach, indexing="ij"))
    window = score_map[y[:, None] + dy, x[:, None] + dx]  # (N, 25)
    weight = torch.softmax(window / TEMPERATURE, dim=1)
    offset = weight @ torch.stack([dx, dy], dim=1).to(weight.dtype)
    # The official code keeps positions in [-1, 1]. Its rounding, up to 1e-4 px, is repeated here because
    # the descriptor head truncates them: near an integer the last bit decides which patch it reads.
    last_px = torch.tensor([score_map.shape[1] - 1, score_map.shape[0] - 1], device=score_map.device)
    normalized = 2 * (torch.stack([x, y], dim=1) + offset) / last_px - 1
    return (normalized + 1) / 2 * last_px
