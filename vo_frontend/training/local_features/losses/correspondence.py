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
