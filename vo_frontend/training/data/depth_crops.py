"""From two large views with depth to a pair of crops that show the same thing."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.camera import Camera
from vo_frontend.training.data.depth_warp import Agreement, Depth, DepthView, warp_views
from vo_frontend.training.data.pairs import ImagePair, inside
from vo_frontend.training.data.photometric import PhotometricRanges, change_light

MAX_OFFSET = 1 / 6  # of the crop: how far the common point may lie from the middle, along x and y
SAME_SURFACE = 0.03  # relative difference of neighbouring depths


def crop_pair(
    view0: DepthView,
    view1: DepthView,
    crop_px: int,
    agreement: Agreement,
    photometric: PhotometricRanges | None,
    rng: np.random.Generator,
) -> ImagePair | None:
    """Cut both views around a random point that both see; None where no point is.

    The views are at least ``crop_px`` wide and high.
    """
    warp = warp_views(view0, view1, agreement)
    candidates = np.flatnonzero(warp.covisible01)
    if not len(candidates):
        return None
    row, column = divmod(int(rng.choice(candidates)), view0.camera.width)
    corner0 = _corner(view0.camera, np.array([column, row], np.float64), crop_px, rng)
    corner1 = _corner(view1.camera, warp.warp01[row, column].astype(np.float64), crop_px, rng)
    cut0, cut1 = _window(corner0, crop_px), _window(corner1, crop_px)
    image0, image1 = view0.image[cut0], view1.image[cut1]
    if photometric is not None:
        image0, image1 = change_light(image0, photometric, rng), change_light(image1, photometric, rng)
    warp01 = warp.warp01[cut0] - corner1.astype(np.float32)
    warp10 = warp.warp10[cut1] - corner0.astype(np.float32)
    covisible01 = warp.covisible01[cut0] & inside(warp01)
    return ImagePair(image0, image1, warp01, covisible01, warp10, warp.covisible10[cut1] & inside(warp10))


def resize_view(view: DepthView, scale: float) -> DepthView:
    """Resize image and depth by about ``scale``."""
    camera = view.camera
    size = width, height = round(camera.width * scale), round(camera.height * scale)
    interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    image = np.asarray(cv2.resize(view.image, size, interpolation=interpolation))
    x, y = width / camera.width, height / camera.height
    # Pixel centres are whole numbers: edges of the image lie at -0.5 before and after.
    resized = Camera(
        camera.fx * x, camera.fy * y,
        (camera.cx + 0.5) * x - 0.5, (camera.cy + 0.5) * y - 0.5, width, height,
    )  # fmt: skip
    return replace(view, image=image, depth=_resize_depth(view.depth, size), camera=resized)


def _resize_depth(depth: Depth, size: tuple[int, int]) -> Depth:
    """Depth at the new pixel centres: blended on a surface, the nearest value where blending mixes two."""
    nearest = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT)
    blended = 1.0 / cv2.resize(1.0 / depth, size, interpolation=cv2.INTER_LINEAR)
    return np.where(np.abs(blended - nearest) < SAME_SURFACE * nearest, blended, nearest)


def _corner(
    camera: Camera, point_px: NDArray[np.float64], crop_px: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Top left pixel (x, y) of a crop around a point, moved into the image."""
    middle = point_px + rng.uniform(-1, 1, 2) * MAX_OFFSET * crop_px
    corner = np.rint(middle - 0.5 * (crop_px - 1)).astype(np.int64)
    return np.clip(corner, 0, np.array([camera.width, camera.height]) - crop_px)


def _window(corner: NDArray[np.int64], crop_px: int) -> tuple[slice, slice]:
    x, y = int(corner[0]), int(corner[1])
    return slice(y, y + crop_px), slice(x, x + crop_px)
