"""Reliability loss (ALIKE): high scores where descriptors of the same point agree."""

from torch import Tensor


def reliability_loss(similarity: Tensor, scores0: Tensor, scores1: Tensor, temperature: float) -> Tensor:
    """Average the unreliability of keypoints, weighted by their scores; call once per direction.

    ``r = exp((d_A . d_AB - 1) / t_rel)`` is the reliability of a keypoint, ``d_AB`` being the descriptor of
    image B where the geometry puts it, whether or not B has a keypoint there; ``s_A s_AB`` is the product of
    the scores at both places, and ``L_rel = sum s_A s_AB (1 - r) / sum s_A s_AB``. Only scores learn from it:
    they rise where the reliability is above average and fall elsewhere.

    Args:
        similarity: (K,) ``d_A . d_AB`` in [-1, 1]; no gradients pass.
        scores0, scores1: (K,) ``s_A`` and ``s_AB`` in [0, 1].
        temperature: t_rel.

    Returns:
        () in [0, 1]; 0 without keypoints.
    """
    reliability = ((similarity.detach() - 1) / temperature).exp()
    weight = scores0 * scores1
    return (weight * (1 - reliability)).sum() / weight.sum().clamp(min=1e-12)
