"""Pair the poses of two trajectories by time."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.formats.seconds import format_seconds
from vo_frontend.geometry.timestamps import mutually_nearest, nearest

DEFAULT_MAX_DIFFERENCE_S = 0.02


def associate(
    estimate_ns: NDArray[np.int64],
    ground_truth_ns: NDArray[np.int64],
    max_difference_s: float = DEFAULT_MAX_DIFFERENCE_S,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair mutually nearest stamps, so that each pose is used at most once.

    Args:
        estimate_ns: (N,) strictly increasing, N > 0.
        ground_truth_ns: (M,) strictly increasing, M > 0.
        max_difference_s: pairs further apart in time are dropped.

    Returns:
        Indices (P,) into the estimate and (P,) into the ground truth, both increasing.

    Raises:
        TrajectoryError: no pair is left; the message says how far the clocks are apart.
    """
    partner = mutually_nearest(estimate_ns, ground_truth_ns, round(max_difference_s * 1e9))
    own = np.flatnonzero(partner >= 0)
    if not len(own):
        raise TrajectoryError(_no_pairs(estimate_ns, ground_truth_ns, max_difference_s))
    return own, partner[own]


def _no_pairs(estimate_ns: NDArray[np.int64], ground_truth_ns: NDArray[np.int64], limit_s: float) -> str:
    ranges = [
        f"{format_seconds(stamps[0])}..{format_seconds(stamps[-1])} s"
        for stamps in (estimate_ns, ground_truth_ns)
    ]
    message = (
        f"association: none of the {len(estimate_ns)} estimated poses ({ranges[0]}) has a ground-truth pose "
        f"within {limit_s:g} s ({len(ground_truth_ns)} poses, {ranges[1]}); "
    )
    overlap = estimate_ns[0] <= ground_truth_ns[-1] and ground_truth_ns[0] <= estimate_ns[-1]
    if overlap:
        gaps_ns = ground_truth_ns[nearest(estimate_ns, ground_truth_ns)] - estimate_ns
        smallest_gap_ns = int(np.abs(gaps_ns).min())
        return message + f"the nearest is {smallest_gap_ns * 1e-9:.3g} s away, allow a larger difference"
    offset_s = (int(estimate_ns[0]) - int(ground_truth_ns[0])) * 1e-9
    return message + (
        f"the clocks seem to differ by about {offset_s:.3f} s (estimate minus ground truth); "
        "use the ground truth of the same recording and clock"
    )
