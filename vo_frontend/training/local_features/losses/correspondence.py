"""Find the points of two images that are the same, by known geometry."""

import torch
from torch import Tensor


def warp_points(points: Tensor, warp: Tensor, covisible: Tensor) -> Tensor:
    """Carry points of one image to the other.

    Args:
        points: (N, 2) x, y in px, inside the image.
        warp: (H, W, 2) where each pixel lies in the other image, px.
        covisible: (H, W) bool, where ``warp`` is known and the other image sees the point.

    Returns:
        (N, 2) px, bilinear in the four pixels around each point and differentiable in ``points``; NaN
        where one of the four is not covisible.
    """
    height, width = covisible.shape
    with torch.no_grad():
        left = points[:, 0].floor().clamp(0, width - 2).long()
        top = points[:, 1].floor().clamp(0, height - 2).long()
        corners = (top * width + left)[:, None] + torch.tensor([0, 1, width, width + 1], device=warp.device)
        known = covisible.flatten()[corners].all(dim=1).nonzero()[:, 0]
    x = points[known, 0] - left[known]
    y = points[known, 1] - top[known]
    weight = torch.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dim=1)
    around = warp.view(-1, 2)[corners[known]].to(points.dtype)  # (K, 4, 2)
    return torch.full_like(points, torch.nan).index_copy(0, known, (weight[:, :, None] * around).sum(dim=1))


@torch.no_grad()
def nearest_partners(warped: Tensor, points: Tensor, max_distance_px: float) -> tuple[Tensor, Tensor]:
    """Find, for points carried over from the other image, the nearest keypoint here.

    Args:
        warped: (M, 2) px, NaN where unknown.
        points: (N, 2) px, keypoints of this image.
        max_distance_px: farther keypoints are no partners.

    Returns:
        index_warped, index_points: (K,) partners; a keypoint may be the partner of several warped points.
    """
    if len(points) == 0:
        nothing = torch.zeros(0, dtype=torch.long, device=points.device)
        return nothing, nothing
    known = warped.isfinite().all(dim=1).nonzero()[:, 0]
    distance, nearest = torch.cdist(warped[known], points).min(dim=1)
    near = distance <= max_distance_px
    return known[near], nearest[near]


@torch.no_grad()
def mutual_partners(
    points0: Tensor, points1: Tensor, warped0: Tensor, warped1: Tensor, max_distance_px: float
) -> tuple[Tensor, Tensor]:
    """Find keypoints of two images that are each other's nearest, by the mean of the distances in both.

    Args:
        points0, points1: (M, 2), (N, 2) px.
        warped0: (M, 2) points0 in image 1; warped1: (N, 2) points1 in image 0; px, NaN where unknown.
        max_distance_px: pairs farther apart are no partners.

    Returns:
        index0, index1: (K,) partners, one to one.
    """
    known0, known1 = (points.isfinite().all(dim=1).nonzero()[:, 0] for points in (warped0, warped1))
    if not len(known0) or not len(known1):
        return known0[:0], known1[:0]
    distance = torch.cdist(warped0[known0], points1[known1]) + torch.cdist(points0[known0], warped1[known1])
    nearest0, nearest1 = distance.min(dim=1), distance.min(dim=0)
    is_mutual = nearest1.indices[nearest0.indices] == torch.arange(len(known0), device=points0.device)
    chosen = is_mutual & (0.5 * nearest0.values <= max_distance_px)
    return known0[chosen], known1[nearest0.indices[chosen]]


@torch.no_grad()
def are_not_shown(points: Tensor, warp: Tensor, covisible: Tensor) -> Tensor:
    """Tell which points (N, 2) px the other image is known not to show, as (N,) booleans.

    ``warp`` and ``covisible`` are as in :func:`warp_points`; where the warp itself is unknown, nothing is.
    """
    height, width = covisible.shape
    x, y = points[:, 0].round().long().clamp(0, width - 1), points[:, 1].round().long().clamp(0, height - 1)
    return warp[y, x].isfinite().all(dim=1) & ~covisible[y, x]


@torch.no_grad()
def far_from_earlier(points: Tensor, gap_px: float) -> Tensor:
    """Tell which of the points (N, 2) have no earlier one within ``gap_px``, as (N,) booleans."""
    is_near = torch.cdist(points, points) < gap_px
    return ~is_near.tril(diagonal=-1).any(dim=1)


def random_partners(
    warp: Tensor, covisible: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw pixels at random where both images see the scene.

    Args:
        warp: (H, W, 2) where each pixel lies in the other image, px.
        covisible: (H, W) bool.
        count: of the points.
        generator: draws them.

    Returns:
        (K, 2), (K, 2) px in this image and in the other; K is ``count``, or 0 where they share nothing.
    """
    y, x = covisible.nonzero(as_tuple=True)
    if len(x) == 0:
        return warp.new_zeros(0, 2), warp.new_zeros(0, 2)
    drawn = torch.randint(len(x), (count,), generator=generator, device=generator.device).to(x.device)
    drawn = drawn.sort().values  # neighbours in the image are neighbours in memory
    y, x = y[drawn], x[drawn]
    return torch.stack([x, y], dim=1).to(warp.dtype), warp[y, x]
