"""What counts as an image for every extractor."""

from collections.abc import Sequence

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


def check_batch(images: Sequence[Image]) -> None:
    """Refuse what is not a batch of images of one shape, (H, W) or (H, W, 3); it may be empty.

    Raises:
        ValueError: one is no image, see :func:`check_image`, or their shapes differ.
    """
    for image in images:
        check_image(image)
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        raise ValueError(f"images: got shapes {sorted(shapes)}, expected one shape in a batch")
