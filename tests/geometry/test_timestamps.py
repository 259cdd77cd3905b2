"""Pairing by time."""

import numpy as np

from vo_frontend.geometry.timestamps import mutually_nearest, nearest


def test_the_earlier_of_two_equally_near_stamps_is_taken() -> None:
    found = nearest(np.array([-5, 5, 15, 16, 99]), np.array([0, 10, 20]))
    np.testing.assert_array_equal(found, [0, 0, 1, 2, 2])


def test_no_stamp_serves_two_partners_and_the_largest_offset_is_allowed() -> None:
    stamps = np.array([0, 30, 60, 90, 120])
    others = np.array([12, 28, 33, 99])
    np.testing.assert_array_equal(mutually_nearest(stamps, others, 12), [0, 1, -1, 3, -1])
    np.testing.assert_array_equal(mutually_nearest(stamps, others, 11), [-1, 1, -1, 3, -1])
    np.testing.assert_array_equal(mutually_nearest(stamps, np.array([61]), 20), [-1, -1, 0, -1, -1])


def test_the_pairs_are_those_of_a_slow_twin() -> None:
    rng = np.random.default_rng(3)
    a, b = (np.unique(rng.integers(0, 10_000, size)) for size in (300, 700))
    partner = mutually_nearest(a, b, 12)
    distance = np.abs(a[:, None] - b[None, :])
    for i, j in enumerate(distance.argmin(axis=1)):
        is_pair = i == distance[:, j].argmin() and distance[i, j] <= 12
        assert partner[i] == (j if is_pair else -1)
