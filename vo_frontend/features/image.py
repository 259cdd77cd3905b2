"""What counts as an image for every extractor."""

import numpy as np

from vo_frontend.types import Image

MIN_SIZE_PX = 64


def check_image(image: Image) -> None:
    """Refuse what is not an image, before it becomes an obscure failure of a kernel.

    Raises:
        ValueError: not (H, W) or (H, W, 3) uint8 of at least 64x64; one line that says what it is.
    """
    expected = f"expected (H, W) grey or (H, W, 3) RGB uint8 of at least {MIN_SIZE_PX}x{MIN_SIZE_PX} px"
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image: got {type(image).__name__}, {expected} as a NumPy array")
    if image.dtype != np.uint8:
        raise ValueError(f"image: got dtype {image.dtype}, {expected}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"image: got shape {image.shape}, {expected}")
    if min(image.shape[:2]) < MIN_SIZE_PX:
        raise ValueError(f"image: got {image.shape[1]}x{image.shape[0]} px, {expected}")
