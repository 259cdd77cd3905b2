"""Change a picture as light, lens, sensor and file format do, in that order.

Noise, motion blur and brightness as in the training of SuperPoint (DeTone et al. 2018); the other kinds
and all ranges are ours.
"""

from statistics import NormalDist

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.training.data.ranges import PhotometricRanges
from vo_frontend.types import Image

_LUMA = np.array([0.299, 0.587, 0.114])  # of R, G, B, ITU-R BT.601
# Values that a uniform byte takes to be normal with standard deviation 1: random bytes are much cheaper.
_NORMAL_OF_BYTE = np.array([NormalDist().inv_cdf((byte + 0.5) / 256) for byte in range(256)], np.float32)


def change_light(image: Image, ranges: PhotometricRanges, rng: np.random.Generator) -> Image:
    """Return the RGB image (H, W, 3) as another camera might have taken it at another hour."""
    if rng.random() < ranges.shadow_share:
        image = _shadow(image, rng.uniform(*ranges.shadow_light), rng)
    if rng.random() < ranges.gaussian_blur_share:
        sigma_px = rng.uniform(*ranges.gaussian_blur_sigma_px)
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px))
    if rng.random() < ranges.motion_blur_share:
        image = _motion_blur(image, rng.uniform(*ranges.motion_blur_length_px), rng.uniform(0.0, np.pi))
    saturation = 0.0 if rng.random() < ranges.grey_share else rng.uniform(*ranges.saturation)
    mixing = saturation * np.eye(3) + (1.0 - saturation) * _LUMA
    image = np.asarray(cv2.LUT(cv2.transform(image, mixing), _tone_curves(ranges, rng)))
    image = _add_noise(image, rng.uniform(*ranges.noise_std), rng)
    if rng.random() < ranges.jpeg_share:
        image = _jpeg(image, round(rng.uniform(*ranges.jpeg_quality)))
    return image


def change_light_of_both(
    image0: Image, image1: Image, ranges: PhotometricRanges | None, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Change the light in two RGB images (H, W, 3), each in its own way; None leaves them as they are."""
    if ranges is None:
        return image0, image1
    return change_light(image0, ranges, rng), change_light(image1, ranges, rng)


def _tone_curves(ranges: PhotometricRanges, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw white balance, gamma, contrast and brightness. Returns new levels (1, 256, 3) by channel."""
    levels = np.linspace(0.0, 1.0, 256)[:, None] * rng.uniform(*ranges.white_balance, 3)
    levels = levels ** rng.uniform(*ranges.gamma)
    levels = (levels - 0.5) * rng.uniform(*ranges.contrast) + 0.5 + rng.uniform(*ranges.brightness)
    return np.clip(np.rint(255.0 * levels), 0, 255).astype(np.uint8)[None]


def _shadow(image: Image, light: float, rng: np.random.Generator) -> Image:
    """Darken a random triangle with a soft edge; drawn at an eighth of the size, where blur is cheap."""
    height, width = image.shape[:2]
    small = np.ones((max(height // 8, 1), max(width // 8, 1)), np.float32)
    corners = rng.uniform(-0.5, 1.5, (3, 2)) * small.shape[::-1]
    cv2.fillPoly(small, [np.rint(corners).astype(np.int32)], light)
    small = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.3, 2.0))
    shade = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(image, cv2.merge([shade] * 3), dtype=cv2.CV_8U))


def _motion_blur(image: Image, length_px: float, angle_rad: float) -> Image:
    """Average along a line segment that is centred on each pixel, so that nothing moves."""
    radius = int(np.ceil(0.5 * length_px))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    along = np.abs(x * np.cos(angle_rad) + y * np.sin(angle_rad))
    across = np.abs(y * np.cos(angle_rad) - x * np.sin(angle_rad))
    kernel = np.clip(0.5 * length_px + 0.5 - along, 0.0, 1.0) * np.clip(1.0 - across, 0.0, 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()))


def _add_noise(image: Image, std: float, rng: np.random.Generator) -> Image:
    """Add independent Gaussian noise to every value; cut at 2.9 standard deviations."""
    random_bytes = np.frombuffer(rng.bytes(image.size), np.uint8).reshape(image.shape)
    levels = np.rint(std * _NORMAL_OF_BYTE).astype(np.int16)
    return np.asarray(cv2.add(image, cv2.LUT(random_bytes, levels), dtype=cv2.CV_8U))


def _jpeg(image: Image, quality: int) -> Image:
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))
