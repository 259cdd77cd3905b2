import cv2
import numpy as np
from feature_inputs import make_image

from vo_frontend.features.classical.orb import OrbExtractor, spread


def test_dot_products_count_equal_bits() -> None:
    descriptors = OrbExtractor(max_keypoints=50).extract(make_image(160, 192)).descriptors
    assert set(np.unique(descriptors)) == {-1 / 16, 1 / 16}
    hamming = np.count_nonzero(descriptors[0] != descriptors[1])
    assert np.isclose(descriptors[0] @ descriptors[1], 1 - 2 * hamming / 256)


def test_positions_are_unbiased_at_every_octave() -> None:
    """Mirroring the image must mirror the keypoints: a shift towards one side would not survive it."""
    rng = np.random.default_rng(1)
    image = np.full((240, 320), 90, np.uint8)
    for x, y, side in zip(
        rng.integers(30, 270, 40), rng.integers(30, 190, 40), rng.integers(6, 24, 40), strict=True
    ):
        cv2.rectangle(image, (int(x), int(y)), (int(x + side), int(y + side)), int(rng.integers(0, 255)), -1)
    image = cv2.GaussianBlur(image, (0, 0), 2.5)
    extractor = OrbExtractor(max_keypoints=400)
    pixels = extractor.extract(image).pixels
    mirrored = extractor.extract(np.ascontiguousarray(image[:, ::-1])).pixels * [-1, 1] + [319, 0]
    distance = np.linalg.norm(pixels[:, None] - mirrored[None], axis=2)
    nearest = distance.argmin(axis=1)
    close = distance.min(axis=1) < 2.5
    assert close.sum() > 100
    assert abs(np.mean((pixels - mirrored[nearest])[close, 0])) < 0.15


def test_keypoints_of_a_strong_corner_do_not_take_the_whole_budget() -> None:
    pixels = np.array([[10.0, 10.0]] * 50 + [[200.0, 10.0], [10.0, 200.0], [200.0, 200.0]])
    scores = np.r_[np.linspace(1.0, 0.9, 50), [0.1, 0.2, 0.3]].astype(np.float32)
    assert spread(pixels, scores, 5).tolist() == [0, 1, 52, 51, 50]
