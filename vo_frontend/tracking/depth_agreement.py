"""Whether the depths measured in a frame can be believed: the map says what they should be."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.types import KeypointDepths

# A sound sensor agrees in 85 to 100 % of the landmarks of a frame (KITTI, TUM fr1_rpy, the built-in street).
MIN_AGREEING_SHARE = 0.6
MIN_COMPARED = 8  # fewer do no harm
NEAR_SIGMAS = 6.0  # nearer than that many deviations from infinity, or a depth says nothing
NUM_SIGMAS = 3.0  # between measured and expected ...
MAX_RELATIVE_ERROR = 0.1  # ... beside an error of the map


def depths_agree(
    depths: KeypointDepths, feature_index: NDArray[np.int64], depth_in_map: NDArray[np.float64]
) -> bool:
    """Tell whether measured depths fit the map; a repeated, foreign or shifted second image does not.

    Args:
        depths: of the N keypoints of a frame.
        feature_index: (I,) of its keypoints that see landmarks.
        depth_in_map: (I,) of those landmarks before the camera, m.
    """
    measured, sigma = depths.inverse_depth_per_m[feature_index], depths.sigma_per_m[feature_index]
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = 1.0 / depth_in_map
        telling = np.isfinite(measured) & (depth_in_map > 0) & (expected > NEAR_SIGMAS * sigma)
        agrees = np.abs(measured - expected) < NUM_SIGMAS * sigma + MAX_RELATIVE_ERROR * expected
    num_compared = int(telling.sum())
    return num_compared < MIN_COMPARED or (agrees & telling).sum() >= MIN_AGREEING_SHARE * num_compared
