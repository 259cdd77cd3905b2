"""The scale of an estimate, where its path reaches far enough beyond its own error to tell one."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.geometry.alignment import align

MAX_DOUBT = 0.2  # rms error that is left at the best scale, over the rms extent of the true path


def told_scale(positions: NDArray[np.float64], positions_gt: NDArray[np.float64]) -> float:
    """Return the metres per unit that best align positions (N, 3) with true ones (N, 3).

    What is left of the errors at that scale bounds what it can be off by: with an error of a fifth of the
    extent, by about a fifth. A camera that turns on the spot leaves more than that, and no scale is told.

    Raises:
        TrajectoryError: fewer than 3 positions, no motion, or errors that leave the scale open.
    """
    similarity = align(positions, positions_gt, with_scale=True)
    left_m = _rms(similarity.transform_points(positions) - positions_gt)
    extent_m = _rms(positions_gt - positions_gt.mean(axis=0))
    if left_m > MAX_DOUBT * extent_m:
        raise TrajectoryError(
            f"errors of {left_m:.2g} m at any scale leave it open, on a path that extends {extent_m:.2g} m"
        )
    return similarity.scale


def _rms(vectors: NDArray[np.float64]) -> float:
    """Return the root mean square length of vectors (N, 3)."""
    return float(np.sqrt((vectors**2).sum(axis=1).mean()))
