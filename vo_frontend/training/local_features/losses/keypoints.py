"""Differentiable keypoint detection (DKD of ALIKE): positions that gradients can move.

Which pixels are local maxima cannot be differentiated. Where the maximum lies within its 5x5 window can:
with ``s'(i, j) = softmax(s(i, j) / t_det)`` the position is the maximum plus ``sum s'(i, j) [i, j]``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vo_frontend.features.networks.detection import local_maxima
from vo_frontend.features.networks.sampling import sample_bilinear
from vo_frontend.features.networks.sizes import Border
from vo_frontend.features.window import RADIUS_PX, TEMPERATURE


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Keypoints of one image, row by row; everything carries gradients to the score map."""

    positions: Tensor  # (N, 2) x, y in px
    scores: Tensor  # (N,) score map at the positions
    dispersity: Tensor  # (N,) in [0, 2]: mean squared distance from the position, 0 for a sharp peak


def detect_keypoints(
    score_map: Tensor, max_keypoints: int, border: Border, temperature: float = TEMPERATURE
) -> Keypoints:
    """Find the best local maxima of a (H, W) score map in [0, 1], to sub-pixel precision.

    The distances of ``dispersity`` are in units of the window's radius, 2 px. The whole window of a
    keypoint lies inside the map: ``border`` must be at least as wide as that radius.
    """
    x, y = best_maxima(score_map.detach(), max_keypoints, border)
    reach = torch.arange(-RADIUS_PX, RADIUS_PX + 1, device=score_map.device)
    dy, dx = (grid.flatten() for grid in torch.meshgrid(reach, reach, indexing="ij"))
    index = (y[:, None] + dy) * score_map.shape[1] + x[:, None] + dx  # (N, 25)
    window = score_map.flatten().index_select(0, index.flatten()).view(index.shape)
    weight = torch.softmax(window / temperature, dim=1)
    displacements = torch.stack([dx, dy], dim=1).to(weight.dtype)  # (25, 2)
    offset = weight @ displacements
    squared_distance = (displacements - offset[:, None]).square().sum(dim=2) / RADIUS_PX**2
    positions = torch.stack([x, y], dim=1) + offset
    return Keypoints(positions, sample_scores(score_map, positions), (weight * squared_distance).sum(dim=1))


def best_maxima(score_map: Tensor, max_keypoints: int, border: Border) -> tuple[Tensor, Tensor]:
    """Find the best local maxima of a (H, W) map. Returns their pixels x, y (N,), row by row."""
    height, width = score_map.shape
    rows = slice(border.first_px, height - border.last_px)
    columns = slice(border.first_px, width - border.last_px)
    is_maximum = (local_maxima(score_map) & (score_map > 0))[rows, columns]
    y, x = is_maximum.nonzero(as_tuple=True)
    y, x = y + border.first_px, x + border.first_px
    candidates = score_map[y, x]
    best = candidates.topk(min(max_keypoints, len(candidates))).indices.sort().values
    return x[best], y[best]


def sample_scores(score_map: Tensor, positions: Tensor) -> Tensor:
    """Interpolate a (H, W) score map at positions (N, 2) in px. Returns (N,)."""
    return sample_bilinear(score_map[None, None], positions[:, 0], positions[:, 1])[:, 0]
