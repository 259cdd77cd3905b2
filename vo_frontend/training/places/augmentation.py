"""How training changes a picture of a place."""

import cv2
import numpy as np

from vo_frontend.training.data.photometric import change_light
from vo_frontend.training.data.ranges import PhotometricRanges
from vo_frontend.types import Image

PLACE_LIGHT = PhotometricRanges(  # a place is met again at another hour, and by another camera
    gaussian_blur_share=0.35,
    gaussian_blur_sigma_px=(0.5, 2.5),
    saturation=(0.2, 1.5),
    grey_share=0.2,
    white_balance=(0.8, 1.2),
    gamma=(0.5, 2.2),
    contrast=(0.5, 1.4),
    brightness=(-0.2, 0.15),
    noise_std=(0.0, 12.0),
    jpeg_share=0.2,
)
COARSE_SHARE = 0.4  # of pictures that lose detail, as from a camera with fewer pixels
COARSE_SCALE = (0.35, 0.9)
WINDOW_AREA = (0.08, 1.0)  # of the picture, as in the training of DELG
WINDOW_ASPECT = (3 / 4, 4 / 3)  # width over height


def random_window(picture: Image, rng: np.random.Generator) -> Image:
    """Cut a window of random area and shape out of a picture (H, W, 3); the numbers are DELG's."""
    height, width = picture.shape[:2]
    area = rng.uniform(*WINDOW_AREA) * width * height
    aspect = np.exp(rng.uniform(*np.log(WINDOW_ASPECT)))
    w = int(np.clip(round(np.sqrt(area * aspect)), 1, width))
    h = int(np.clip(round(np.sqrt(area / aspect)), 1, height))
    x, y = rng.integers(width - w, endpoint=True), rng.integers(height - h, endpoint=True)
    return picture[y : y + h, x : x + w]


def wear(picture: Image, rng: np.random.Generator) -> Image:
    """Return a picture (H, W, 3) in other light, and now and then with less detail."""
    picture = change_light(picture, PLACE_LIGHT, rng)
    if rng.random() >= COARSE_SHARE:
        return picture
    height, width = picture.shape[:2]
    scale = rng.uniform(*COARSE_SCALE)
    size = max(round(scale * width), 1), max(round(scale * height), 1)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
