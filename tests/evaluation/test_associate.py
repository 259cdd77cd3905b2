"""Association by time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation.associate import associate

MS = 1_000_000


def stamps(*milliseconds: float) -> NDArray[np.int64]:
    return np.array([round(value * MS) for value in milliseconds], dtype=np.int64)


def test_each_pose_is_used_once_by_its_nearest_partner() -> None:
    index, index_gt = associate(stamps(0, 9, 11, 30), stamps(1, 10.5, 29, 31.5))
    assert list(zip(index.tolist(), index_gt.tolist(), strict=True)) == [(0, 0), (2, 1), (3, 2)]


def test_pairs_beyond_the_limit_are_dropped_and_the_limit_itself_is_allowed() -> None:
    index, _ = associate(stamps(0, 100, 200), stamps(20, 121, 200), max_difference_s=0.02)
    assert index.tolist() == [0, 2]


def test_the_choice_equals_that_of_a_slow_twin() -> None:
    rng = np.random.default_rng(3)
    a, b = (np.unique(rng.integers(0, 10_000, size)) for size in (300, 700))
    index, index_gt = associate(a, b, max_difference_s=12e-9)
    distance = np.abs(a[:, None] - b[None, :])
    expected = [
        (i, j)
        for i in range(len(a))
        for j in range(len(b))
        if j == distance[i].argmin() and i == distance[:, j].argmin() and distance[i, j] <= 12
    ]
    assert list(zip(index.tolist(), index_gt.tolist(), strict=True)) == expected


def test_clocks_that_differ_are_told_with_both_ranges_and_the_offset() -> None:
    message = r"none of the 2 estimated poses \(3600\.0+\.\.3600\.1.* s\).*differ by about 3600\.000 s"
    with pytest.raises(TrajectoryError, match=message):
        associate(stamps(3_600_000, 3_600_100), stamps(0, 50, 100))


def test_overlapping_ranges_without_a_near_pose_say_how_near_the_nearest_is() -> None:
    with pytest.raises(TrajectoryError, match=r"the nearest is 0\.05 s away"):
        associate(stamps(50), stamps(0, 100))
