"""Finds what a frame shows of the frame before: where a transfer breaks off, the rest of a buffer is old."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.tracking.matching import Matcher
from vo_frontend.types import Features

MAX_STILL_PX = 0.2  # an old part is found again where it was, up to what its new surroundings change ...
MIN_SIMILARITY = 0.9  # ... and looks the same
STILL_SHARE = 0.1, 0.9  # of the features: less is chance, more a camera that stands still
# On the right side of one row: still below and moved above it, or the other way round. Torn images have 96 to
# 98 % (TUM fr1_rpy); a camera that stands before something that moves has no such row.
MIN_DIVIDED_SHARE = 0.9


class TornImages:
    """Compares each frame with the one before."""

    def __init__(self) -> None:
        self._matcher = Matcher(MIN_SIMILARITY, team=ThreadTeam(1))
        self._before: Features | None = None
        self._current = np.zeros(0, bool)

    def current(self, features: Features) -> NDArray[np.bool_]:
        """Tell which features (N,) of the next frame are of now, not of what the frame before left there."""
        before, self._before = self._before, features
        if before is None or not _is_repeated(before, features):  # a repetition of a torn image is as torn
            self._current = np.ones(len(features), bool)
            if before is not None:
                self._current = ~self._old_part(before, features)
        return self._current

    def _old_part(self, before: Features, now: Features) -> NDArray[np.bool_]:
        """Tell which features (N,) are on the old side of a row that divides the still from the moved."""
        found = self._matcher.match_guided(before.descriptors, before.pixels, now, MAX_STILL_PX)
        is_old, is_still = np.zeros((2, len(now)), bool)
        is_still[found.index1] = True
        if len(found) and STILL_SHARE[0] * len(now) <= len(found) <= STILL_SHARE[1] * len(now):
            order = np.argsort(now.pixels[:, 1], kind="stable")  # from top to bottom
            is_old[order] = _divided(is_still[order])
        return is_old


def _divided(is_still: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Divide features (N,), from top to bottom, into an old part and one of now, where a row does that."""
    num_still = np.concatenate([[0], np.cumsum(is_still)])
    position = np.arange(len(num_still))
    moved_above, still_below = position - num_still, num_still[-1] - num_still
    num_right = moved_above + still_below  # if a row is put there and the lower part is old
    lower_is_old = num_right.max() >= len(is_still) - num_right.min()
    row = num_right.argmax() if lower_is_old else num_right.argmin()
    is_old = (position[:-1] >= row) == lower_is_old
    return is_old & ((is_old == is_still).mean() >= MIN_DIVIDED_SHARE)


def _is_repeated(one: Features, other: Features) -> bool:
    return np.array_equal(one.pixels, other.pixels) and np.array_equal(one.descriptors, other.descriptors)
