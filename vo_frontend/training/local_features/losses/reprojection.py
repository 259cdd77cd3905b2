"""Reprojection loss (ALIKE): keypoints of two images lie where the geometry says."""

from torch import Tensor

from vo_frontend.training.local_features.losses.correspondence import mutual_partners


def reprojection_loss(
    points0: Tensor, points1: Tensor, warped0: Tensor, warped1: Tensor, max_distance_px: float
) -> Tensor:
    """Average the distance between keypoints that are each other's nearest, over both directions.

    ``L_rp = (dist_AB + dist_BA) / 2`` with ``dist_AB = |p_AB - p_B|_1``, where ``p_AB`` is keypoint
    ``p_A`` carried to image B, and ``p_B`` its partner there (:func:`mutual_partners`).

    Args:
        points0, points1: (M, 2), (N, 2) keypoints in px.
        warped0: (M, 2) points0 in image 1; warped1: (N, 2) points1 in image 0; NaN where unknown.
        max_distance_px: pairs farther apart (Euclidean, mean of both images) are different points.

    Returns:
        () in px, in [0, sqrt(2) * max_distance_px]; 0 without pairs. Gradients reach both members of a pair.
    """
    index0, index1 = mutual_partners(points0, points1, warped0, warped1, max_distance_px)
    distance01 = (warped0[index0] - points1[index1]).abs().sum(dim=1)
    distance10 = (points0[index0] - warped1[index1]).abs().sum(dim=1)
    return mean_or_zero(0.5 * (distance01 + distance10))


def mean_or_zero(values: Tensor) -> Tensor:
    """Average (K,) values to (); 0, with a gradient of 0, where there are none."""
    return values.sum() / max(len(values), 1)
