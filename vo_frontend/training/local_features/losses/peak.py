"""Dispersity peak loss (ALIKE): score windows are peaks around the soft-argmax position."""

from torch import Tensor

from vo_frontend.training.local_features.losses.reprojection import mean_or_zero


def peak_loss(dispersity: Tensor, scores: Tensor, min_score: float) -> Tensor:
    """Average the dispersity of the keypoints that score above a threshold.

    ``L_pk = sum s'(i, j) d(i, j)`` over the 5x5 window, with the soft-argmax weights ``s'`` and the squared
    distance ``d`` from the keypoint in units of the window's radius. The soft-argmax alone is content with
    any window that is symmetric about the true position; this asks for a sharp one.

    Args:
        dispersity: (N,) of :class:`Keypoints`.
        scores: (N,) in [0, 1].
        min_score: keypoints below it are no keypoints yet, their windows may stay flat.

    Returns:
        () in [0, 2], 1 for flat windows; 0 without keypoints.
    """
    return mean_or_zero(dispersity[scores.detach() > min_score])
