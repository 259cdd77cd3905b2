"""Torn images: one part is of now, the rest is what the frame before left in the buffer."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from world import make_world, sideways

from vo_frontend.tracking.torn_image import TornImages
from vo_frontend.types import Features

WORLD = make_world(num_points=900)
POSES = sideways(4)
TORN_ROW_PX = 250.0


def features(number: int, noise_px: float = 0.2) -> Features:
    return WORLD.features(POSES[number], np.random.default_rng(number), noise_px)


def joined(first: Features, first_mask: NDArray[np.bool_], second: Features) -> Features:
    """Take some features of one, all of another."""
    one = first.select(np.flatnonzero(first_mask))
    pairs = ((one.pixels, second.pixels), (one.descriptors, second.descriptors), (one.scores, second.scores))
    return Features(*(np.concatenate(pair) for pair in pairs))


def torn(old: Features, new: Features, *, old_below: bool) -> tuple[Features, int]:
    """Put old features, a little shaken, below or above the new ones; returns how many of now come last."""
    shaken = replace(old, pixels=old.pixels + np.float32(0.03))
    is_new = (new.pixels[:, 1] < TORN_ROW_PX) == old_below
    current = new.select(np.flatnonzero(is_new))
    return joined(shaken, (old.pixels[:, 1] >= TORN_ROW_PX) == old_below, current), len(current)


@pytest.mark.parametrize("old_below", [True, False], ids=["lower part", "upper part"])
def test_the_old_part_of_each_torn_image_is_found_and_nothing_else(old_below: bool) -> None:
    images, seen = TornImages(), features(0)
    assert images.current(seen).all()
    for number in (1, 2, 3):  # the old part stays what it was before the first
        seen, num_current = torn(seen, features(number), old_below=old_below)
        current = images.current(seen)
        assert current[-num_current:].mean() > 0.98
        assert not current[:-num_current].any()


def test_a_repeated_torn_image_is_as_torn_as_its_original() -> None:
    images = TornImages()
    images.current(features(0))
    seen, _ = torn(features(0), features(1), old_below=True)
    first = images.current(seen)
    assert not first.all()
    np.testing.assert_array_equal(images.current(seen), first)


def test_the_first_whole_image_after_torn_ones_is_kept_whole() -> None:
    images = TornImages()
    images.current(features(0))
    images.current(torn(features(0), features(1), old_below=True)[0])
    assert images.current(features(2)).all()


def test_a_moving_camera_a_standing_one_and_a_repetition_lose_nothing() -> None:
    moving, standing = TornImages(), TornImages()
    assert all(moving.current(features(number)).all() for number in range(4))
    still = features(0)
    for shift in (0.0, 0.05, 0.05):
        assert standing.current(replace(still, pixels=still.pixels + np.float32(shift))).all()


def test_a_standing_camera_before_something_that_moves_loses_nothing() -> None:
    still = features(0)
    inside = np.linalg.norm(still.pixels - np.array([320.0, 240.0]), axis=1) < 150
    moved = replace(still, pixels=still.pixels + np.where(inside[:, None], [8, 0], 0).astype(np.float32))
    images = TornImages()
    images.current(still)
    assert 0.2 < inside.mean() < 0.8
    assert images.current(moved).all()


def test_images_without_features_are_not_compared() -> None:
    images, nothing = TornImages(), features(0).select(np.zeros(0, np.int64))
    assert [len(images.current(each)) for each in (nothing, nothing, features(1), nothing)][::3] == [0, 0]
