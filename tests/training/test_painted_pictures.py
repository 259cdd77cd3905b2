import cv2
import numpy as np

from vo_frontend.training.data.painted_pictures import paint_picture
from vo_frontend.types import Image


def pictures(count: int) -> list[Image]:
    return [paint_picture(np.random.default_rng([0, number])) for number in range(count)]


def test_a_seed_paints_one_picture_whatever_was_painted_before() -> None:
    first = paint_picture(np.random.default_rng(5))
    paint_picture(np.random.default_rng(6))
    assert first.shape == (512, 512, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(paint_picture(np.random.default_rng(5)), first)


def test_no_two_pictures_are_alike() -> None:
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float).ravel() for picture in pictures(6)]
    likeness = np.corrcoef(grey) - np.eye(6)
    assert np.abs(likeness).max() < 0.5


def test_pictures_have_detail_of_every_size() -> None:
    """As photographs do: on each level of a pyramid, of pixels of 1 to 32, some grey levels of contrast."""
    for picture in pictures(4):
        level = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        for _ in range(6):
            smaller = cv2.pyrDown(level)
            detail = level - cv2.pyrUp(smaller, dstsize=level.shape[::-1])
            assert detail.std() > 2.0
            level = smaller


def test_light_and_dark_are_both_there_and_hardly_anything_is_clipped() -> None:
    grey = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures(8)])
    assert 60 < grey.mean() < 190
    assert np.percentile(grey, 95) - np.percentile(grey, 5) > 120
    assert ((grey == 0) | (grey == 255)).mean() < 0.1
