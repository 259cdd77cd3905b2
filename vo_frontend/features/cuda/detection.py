"""Keypoint detection (DKD) in operations of fixed shape, for batches.

Masks multiply: ``torch.where`` with a number would upload it, which a captured graph must not.

The definition is :func:`vo_frontend.features.networks.detection.detect`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.features.cuda.plan import CudaPlan
from vo_frontend.features.networks.sizes import Border
from vo_frontend.features.window import RADIUS_PX, TEMPERATURE

NOTHING = -1.0  # score of a place that no local maximum took


def detect(score_maps: Tensor, max_keypoints: int, border: Border, plan: CudaPlan) -> tuple[Tensor, Tensor]:
    """Find the best local maxima to sub-pixel precision.

    Args:
        score_maps: (B, H, W) float32 in [0, 1].
        max_keypoints: budget per image; k is the budget, or all pixels inside the border if they are fewer.
        border: where no keypoint may lie.
        plan: for this H and W.

    Returns:
        keypoints: (B, k, 2) x, y in px, by descending score.
        scores: (B, k) score map at the sub-pixel positions, ``NOTHING`` where maxima were fewer than k.
    """
    height, width = plan.image_size
    rows = slice(border.first_px, height - border.last_px)
    columns = slice(border.first_px, width - border.last_px)
    inside = local_maxima(score_maps)[:, rows, columns]
    values, index = inside.flatten(1).topk(min(max_keypoints, inside[0].numel()), dim=1)
    x = index % inside.shape[2] + border.first_px
    y = index // inside.shape[2] + border.first_px
    keypoints, scores = refine(score_maps, x, y, plan)
    scores = scores.masked_fill(values <= 0, NOTHING)
    scores, order = scores.sort(dim=1, descending=True, stable=True)
    return keypoints.gather(1, order[..., None].expand(-1, -1, 2)), scores


def local_maxima(score_maps: Tensor) -> Tensor:
    """Keep the scores (B, H, W) of local maxima, blank all others: non-maximum suppression in three passes.

    Each pass looks at what the maxima found so far leave uncovered. Equal neighbours all survive.
    """
    maxima = _keep_maxima(score_maps)
    for _ in range(2):
        remainder = score_maps * (_window_max(maxima) == 0)
        maxima = maxima + _keep_maxima(remainder)
    return maxima


def refine(score_maps: Tensor, x: Tensor, y: Tensor, plan: CudaPlan) -> tuple[Tensor, Tensor]:
    """Move integer maxima x, y (B, k) to the soft-argmax of their 5x5 window, and read the scores there.

    The windows must lie inside the map. Returns keypoints (B, k, 2) in px and scores (B, k).
    """
    pixel = y * score_maps.shape[2] + x
    index = pixel[..., None] + plan.window_index  # (B, k, 25)
    window = score_maps.flatten(1).gather(1, index.flatten(1)).view(index.shape)
    offset = torch.softmax(window / TEMPERATURE, dim=2) @ plan.window_px
    # With the rounding of the official code, see ``detection.refine``.
    normalized = 2 * (torch.stack([x, y], dim=2) + offset) / plan.last_px - 1
    scores = torch.grid_sampler_2d(score_maps[:, None], normalized[:, None], 0, 0, True)[:, 0, 0]
    return (normalized + 1) / 2 * plan.last_px, scores


def _keep_maxima(values: Tensor) -> Tensor:
    return values * (values == _window_max(values))


def _window_max(values: Tensor) -> Tensor:
    return F.max_pool2d(values, 2 * RADIUS_PX + 1, stride=1, padding=RADIUS_PX)
