"""Choose which keyframe leaves a window that is too large."""

import numpy as np

from vo_frontend.mapping.observations import Observations

# A keyframe whose landmarks are nearly all seen by three others adds little (ORB-SLAM, VI-E).
REDUNDANT_SHARE = 0.9
REDUNDANT_VIEWS = 3
NEVER_REDUNDANT = 2  # newest keyframes, which the track hangs on


def least_useful(seen: Observations, num_keyframes: int) -> int:
    """Return the position of the keyframe to give up.

    That is the oldest redundant one; without one, that which shares fewest landmarks with the newest, of
    equals the oldest.

    Args:
        seen: all observations of the window.
        num_keyframes: of the window, at least 3.
    """
    oldest = num_keyframes - NEVER_REDUNDANT
    num_views = np.bincount(seen.landmark_row)
    counts = np.bincount(seen.position, minlength=num_keyframes)
    well_seen = seen.position[num_views[seen.landmark_row] > REDUNDANT_VIEWS]
    redundant = np.bincount(well_seen, minlength=num_keyframes) > REDUNDANT_SHARE * counts
    redundant |= counts == 0
    if redundant[:oldest].any():
        return int(np.argmax(redundant[:oldest]))
    in_newest = np.zeros(len(num_views), bool)
    in_newest[seen.landmark_row[seen.position == num_keyframes - 1]] = True
    shared = np.bincount(seen.position[in_newest[seen.landmark_row]], minlength=num_keyframes)
    return int(np.argmin(shared[:oldest]))
