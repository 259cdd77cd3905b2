"""Features of a smaller image, in the pixels of the whole one."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.features import load_extractor
from vo_frontend.features.classical.orb import OrbExtractor
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.features.scaled import ScaledExtractor
from vo_frontend.types import Features, Image


class Brightest:
    """Finds the centre of gravity of what is bright, to a fraction of a pixel."""

    name, descriptor_size, max_keypoints, device_name = "brightest", 1, 1, "cpu"
    runs_on_gpu, max_calls, weights_sha256 = False, 1, None

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def extract(self, image: Image) -> Features:
        self.shapes.append(image.shape)
        rows, columns = np.indices(image.shape[:2])
        weight = image.astype(float)
        centre = [(axis * weight).sum() / weight.sum() for axis in (columns, rows)]
        return Features(np.array([centre], np.float32), np.ones((1, 1), np.float32), np.ones(1, np.float32))

    def extract_batch(self, images: Sequence[Image]) -> list[Features]:
        return [self.extract(image) for image in images]


def spot(x_px: float, y_px: float, shape: tuple[int, int] = (150, 400)) -> NDArray[np.uint8]:
    rows, columns = np.indices(shape)
    return np.rint(250 * np.exp(-((columns - x_px) ** 2 + (rows - y_px) ** 2) / 200)).astype(np.uint8)


@pytest.mark.parametrize("image_scale", [0.5, 0.6, 0.75, 0.99])
def test_keypoints_stay_where_they_are_in_the_whole_image(image_scale: float) -> None:
    extractor = ScaledExtractor(Brightest(), image_scale)
    for x_px, y_px in ((100.0, 60.0), (331.25, 90.5)):
        found = extractor.extract(spot(x_px, y_px)).pixels
        np.testing.assert_allclose(found, [[x_px, y_px]], atol=0.05)
        assert found.dtype == np.float32


def test_a_pair_of_images_is_one_batch_that_finds_what_each_image_shows() -> None:
    pair = ScaledExtractor(Brightest(), 0.5).extract_batch([spot(100, 60), spot(90, 60)])
    np.testing.assert_allclose([each.pixels[0] for each in pair], [[100, 60], [90, 60]], atol=0.05)


def test_both_sides_are_scaled_but_no_image_becomes_too_small() -> None:
    brightest = Brightest()
    extractor = ScaledExtractor(brightest, 0.5)
    extractor.extract(spot(100, 60))
    np.testing.assert_allclose(extractor.extract(spot(100, 40, (80, 300))).pixels, [[100, 40]], atol=0.05)
    assert brightest.shapes == [(75, 200), (64, 150)]


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="image: got dtype float64"):
        ScaledExtractor(Brightest(), 0.5).extract(np.zeros((100, 100)))  # type: ignore[arg-type]


def test_an_extractor_is_loaded_with_its_scale_and_keeps_its_name() -> None:
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 255, (240, 320), dtype=np.uint8), (0, 0), 2)
    image = cv2.normalize(image, np.empty(0), 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    whole: FeatureExtractor = load_extractor("orb", max_keypoints=200)
    assert isinstance(whole, OrbExtractor)
    scaled = load_extractor("orb", max_keypoints=200, image_scale=0.5)
    assert (scaled.name, scaled.max_keypoints, scaled.descriptor_size) == ("orb", 200, 256)
    found = scaled.extract(image)
    assert len(found) > 100
    assert found.pixels.max(axis=0)[0] > 200, "pixels of the whole image"
