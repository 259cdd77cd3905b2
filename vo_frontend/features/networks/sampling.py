"""Bilinear sampling as weighted sums of rows of a (H * W, C) table.

Pixels: x right, y down, centre of the top-left pixel at (0, 0); what lies outside the map counts as 0.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def as_table(feature_map: Tensor) -> Tensor:
    """View a (B, C, H, W) map as (B * H * W, C); free of copies where the map is channels-last."""
    return feature_map.permute(0, 2, 3, 1).flatten(0, 2)


def bilinear_corners(x: Tensor, y: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Find the four pixels around each position and their bilinear weights.

    Args:
        x, y: (P,) positions in px.
        height, width: size of the map.

    Returns:
        index: (P, 4) int64 rows of the (height * width, C) table, always valid.
        weight: (P, 4), 0 for a corner outside the map.
    """
    left, top = x.floor(), y.floor()
    corner_x = torch.stack([left, left + 1, left, left + 1], dim=-1)
    corner_y = torch.stack([top, top, top + 1, top + 1], dim=-1)
    # Not abs(): its derivative is 0 at 0, which would misguide training wherever a position is an integer.
    distance_x = torch.stack([x - left, left + 1 - x] * 2, dim=-1)
    distance_y = torch.stack([y - top] * 2 + [top + 1 - y] * 2, dim=-1)
    weight = (1 - distance_x) * (1 - distance_y)
    inside = (corner_x >= 0) & (corner_x < width) & (corner_y >= 0) & (corner_y < height)
    index = corner_y.clamp(0, height - 1) * width + corner_x.clamp(0, width - 1)
    return index.long(), weight * inside


def weighted_rows(table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Sum ``weight[p, k] * table[index[p, k]]`` over k: (R, C), (P, K), (P, K) -> (P, C)."""
    return F.embedding_bag(index, table, mode="sum", per_sample_weights=weight)


def weighted_sums(rows: Tensor, weight: Tensor) -> Tensor:
    """Sum each K consecutive rows with their weights: (P * K, C), (P, K) -> (P, C)."""
    return (weight[:, None] @ rows.view(*weight.shape, rows.shape[1]))[:, 0]


def sample_bilinear(feature_map: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Interpolate a (1, C, H, W) map at positions x, y (P,) in px. Returns (P, C)."""
    height, width = feature_map.shape[-2:]
    return weighted_rows(as_table(feature_map), *bilinear_corners(x, y, height, width))
