from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from world import make_world

from vo_frontend.tracking.stale_picture import MEMORY, StalePictures
from vo_frontend.types import Features

WORLD = make_world()


def picture(seed: int) -> Features:
    return WORLD.features(np.eye(4), np.random.default_rng(seed), 1.0)


def stale(seeds: Sequence[int]) -> list[int]:
    """Return the positions of pictures that are said to be old."""
    pictures = StalePictures()
    return [i for i, seed in enumerate(seeds) if pictures.is_stale(picture(seed))]


def test_pictures_of_a_moving_camera_are_new() -> None:
    assert stale(range(3 * MEMORY)) == []


def test_a_picture_of_some_frames_ago_is_old_and_the_next_ones_are_not() -> None:
    assert stale([*range(10), 3, 10, 11]) == [10]


def test_a_ring_buffer_gives_several_old_pictures() -> None:
    assert stale([*range(10), 3, 4, 5, 10, 11]) == [10, 11, 12]


def test_a_recording_played_back_and_forth_shows_no_old_pictures() -> None:
    there_and_back = [*range(10), *range(8, -1, -1), *range(1, 10), *range(10, 20)]
    assert stale(there_and_back) == []


def test_a_camera_that_stands_still_shows_no_old_pictures() -> None:
    assert stale([0, 1, 2, *[3] * 20, 4, 5]) == []


def test_an_old_picture_with_pieces_of_others_in_it_is_found() -> None:
    pictures = StalePictures()
    for seed in range(10):
        pictures.is_stale(picture(seed))
    old, other = picture(3), picture(77)
    is_other = np.random.default_rng(0).random(len(old)) < 0.5
    pixels = np.where(is_other[:, None], other.pixels[: len(old)], old.pixels)
    assert pictures.is_stale(replace(old, pixels=pixels))


def test_few_keypoints_where_they_were_are_no_old_picture() -> None:
    pictures = StalePictures()
    for seed in range(10):
        pictures.is_stale(picture(seed))
    hood, other = picture(3), picture(77)
    pixels = np.where(np.arange(len(hood))[:, None] % 5 == 0, hood.pixels, other.pixels[: len(hood)])
    assert not pictures.is_stale(replace(hood, pixels=pixels))


def test_what_is_long_ago_is_forgotten() -> None:
    assert stale([*range(MEMORY + 1), 1]) == [MEMORY + 1]
    assert stale([*range(MEMORY + 1), 0]) == []


def test_a_picture_without_keypoints_is_not_old() -> None:
    pictures = StalePictures()
    nothing = picture(0).select(np.zeros(0, np.int64))
    assert not any(pictures.is_stale(each) for each in (nothing, picture(1), nothing, picture(2), nothing))
