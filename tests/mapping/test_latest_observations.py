"""Observations that are derived from those before are those that would be listed anew."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.mapping.keyframe import NO_LANDMARK
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.observations import LatestObservations, Observations

LANDMARKS = Landmarks.new(
    np.arange(10, 30), np.zeros((20, 3)), np.zeros((20, 4), np.float32), np.zeros((20, 3), np.uint8)
)


def seen(rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the landmarks of a keyframe with 15 features, of which some see none."""
    ids = rng.permutation(LANDMARKS.ids)[:15]
    return np.where(rng.random(15) < 0.3, NO_LANDMARK, ids)


def test_keyframes_that_come_go_and_change_are_listed_as_if_anew() -> None:
    rng, latest = np.random.default_rng(0), LatestObservations()
    keyframes: list[NDArray[np.int64]] = []
    for _ in range(300):
        kind = rng.integers(4)
        if kind <= 1 or not keyframes:
            keyframes.append(seen(rng))
        elif kind == 2:
            del keyframes[rng.integers(len(keyframes))]
        else:
            keyframes[rng.integers(len(keyframes))] = seen(rng)
        derived, anew = latest.of(list(keyframes), LANDMARKS), Observations.of(keyframes, LANDMARKS)
        for ours, theirs in zip(derived, anew, strict=True):
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype


def test_where_nothing_has_changed_it_is_the_same_list() -> None:
    latest, keyframes = LatestObservations(), [seen(np.random.default_rng(k)) for k in range(3)]
    assert latest.of(list(keyframes), LANDMARKS) is latest.of(list(keyframes), LANDMARKS)
