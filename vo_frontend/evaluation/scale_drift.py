"""How much the scale of an estimate changes between the start and the end of a path."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation.rpe import path_lengths
from vo_frontend.evaluation.told_scale import told_scale

PIECE = 0.25  # share of the path at either end whose scale is compared


def scale_drift(
    positions_estimate: NDArray[np.float64], positions_ground_truth: NDArray[np.float64]
) -> float:
    """Divide the local scale at the end by that at the start; 1 means no drift.

    The local scale is the size of the estimate per true metre: the inverse of the Sim(3) scale that
    aligns the first (last) quarter of the path, measured along the ground truth, on its own.

    Args:
        positions_estimate: (N, 3), in any unit.
        positions_ground_truth: (N, 3) m.

    Raises:
        TrajectoryError: a quarter has fewer than 3 poses, no motion, or errors that leave its scale open.
    """
    path_m = path_lengths(positions_ground_truth)
    is_start = path_m <= PIECE * path_m[-1]
    is_end = path_m >= (1 - PIECE) * path_m[-1]
    start = told_scale(positions_estimate[is_start], positions_ground_truth[is_start])
    end = told_scale(positions_estimate[is_end], positions_ground_truth[is_end])
    if end <= np.finfo(float).eps:
        raise TrajectoryError("scale drift: the last quarter has no motion in common with the ground truth")
    return start / end
