"""Which keyframe leaves a window that is full."""

import numpy as np

from vo_frontend.mapping.eviction import least_useful
from vo_frontend.mapping.observations import Observations


def seen_by(*keyframes: list[int]) -> Observations:
    """Observations of keyframes that see landmarks of these rows."""
    position = np.repeat(np.arange(len(keyframes)), [len(each) for each in keyframes])
    index = np.concatenate([np.arange(len(each)) for each in keyframes])
    return Observations(position, index, np.concatenate(keyframes).astype(np.int64))


def test_the_oldest_redundant_keyframe_leaves_before_the_least_covisible() -> None:
    seen = seen_by([20, 21], [*range(10), 30], [*range(10)], [*range(10)], [*range(10)], [*range(5)])
    assert least_useful(seen, 6) == 1, "10 of its 11 landmarks have three other views"


def test_of_keyframes_that_add_something_the_one_leaves_that_shares_least_with_the_newest() -> None:
    seen = seen_by([0, 1, 2], [1, 9], [0, 1, 8], [0, 7], [0, 1, 2])
    assert least_useful(seen, 5) == 1
    equal = seen_by([5, 6], [7, 8], [9, 10], [0, 1], [0, 1])
    assert least_useful(equal, 5) == 0, "of equals the oldest"


def test_the_two_newest_never_leave_however_redundant() -> None:
    everyone = [[0, 1, 2, 100 + k] for k in range(3)]
    seen = seen_by(*everyone, [0, 1, 2], [0, 1, 2])
    assert least_useful(seen, 5) == 0
    assert least_useful(seen_by([4, 5], [0, 1], [2, 3]), 3) == 0


def test_a_keyframe_that_sees_nothing_leaves_first() -> None:
    assert least_useful(seen_by([0, 1], [], [0, 1], [0, 1]), 4) == 1
