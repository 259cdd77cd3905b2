"""Which keyframe of the window sees which landmark."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Observations(NamedTuple):
    """Lists which keyframe sees which landmark with which feature, ordered by keyframe, then by feature."""

    position: NDArray[np.int64]  # (O,) of the keyframe in the window
    feature_index: NDArray[np.int64]  # (O,) in the keyframe
    landmark_row: NDArray[np.int64]  # (O,)
