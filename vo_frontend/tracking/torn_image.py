"""Finds what a frame shows of the frame before: where a transfer breaks off, the rest of a buffer is old."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.types import Features

MAX_STILL_PX = 0.2  # an old part is found again where it was, up to what its new surroundings change ...
MIN_SIMILARITY = 0.9  # ... and looks the same
CELL_PX = (
    0.5  # two images of a moving camera share 2 % of the cells that have a keypoint (KITTI, TUM, 7-Scenes)
)
MIN_SHARED_CELLS = 0.05
STILL_SHARE = 0.1, 0.9  # of the features: less is chance, more a camera that stands still
# On the right side of one row: still below and moved above it, or the other way round. Torn images have 96 to
# 98 % (TUM fr1_rpy); a camera that stands before something that moves has no such row.
MIN_DIVIDED_SHARE = 0.9


class TornImages:
    """Compares each frame with the one before."""

    def __init__(self) -> None:
        self._before: Features | None = None
        self._current = np.zeros(0, bool)

    def current(self, features: Features) -> NDArray[np.bool_]:
        """Tell which features (N,) of the next frame are of now, not of what the frame before left there."""
        before, self._before = self._before, features
        if before is None or not _is_repeated(before, features):  # a repetition of a torn image is as torn
            self._current = np.ones(len(features), bool) if before is None else _current(before, features)
        return self._current


def _current(before: Features, now: Features) -> NDArray[np.bool_]:
    current = np.ones(len(now), bool)
    if np.isin(_cells(now), _cells(before)).sum() <= MIN_SHARED_CELLS * len(now):
        return current
    is_still = _is_still(before, now)
    if STILL_SHARE[0] <= is_still.mean() <= STILL_SHARE[1]:
        order = np.argsort(now.pixels[:, 1], kind="stable")  # from top to bottom
        current[order] = ~_old_part(is_still[order])
    return current


def _old_part(is_still: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Divide features (N,), from top to bottom, into an old part and one of now, where a row does that."""
    num_still = np.concatenate([[0], np.cumsum(is_still)])
    position = np.arange(len(num_still))
    moved_above, still_below = position - num_still, num_still[-1] - num_still
    num_right = moved_above + still_below  # if a row is put there and the lower part is old
    lower_is_old = num_right.max() >= len(is_still) - num_right.min()
    row = num_right.argmax() if lower_is_old else num_right.argmin()
    is_old = (position[:-1] >= row) == lower_is_old
    return is_old & ((is_old == is_still).mean() >= MIN_DIVIDED_SHARE)


def _is_still(before: Features, now: Features) -> NDArray[np.bool_]:
    """Tell which features (N,) are where the frame before had one that looks the same."""
    distances = np.linalg.norm(now.pixels[:, None] - before.pixels[None], axis=2)
    nearest = distances.argmin(axis=1)
    similarity = (now.descriptors * before.descriptors[nearest]).sum(axis=1)
    return (distances.min(axis=1) < MAX_STILL_PX) & (similarity > MIN_SIMILARITY)


def _cells(features: Features) -> NDArray[np.int64]:
    column, row = np.rint(features.pixels / CELL_PX).astype(np.int64).T
    return column + (row << 32)


def _is_repeated(one: Features, other: Features) -> bool:
    return np.array_equal(one.pixels, other.pixels) and np.array_equal(one.descriptors, other.descriptors)
