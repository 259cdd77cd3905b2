"""Cut a pair of crops that show the same thing out of two large views with depth."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.training.data.depth_warp import Agreement, Depth, DepthView, warp_views
from vo_frontend.training.data.pairs import ImagePair, inside
from vo_frontend.training.data.photometric import change_light_of_both
from vo_frontend.training.data.ranges import PhotometricRanges
from vo_frontend.types import Image

Warp = NDArray[np.float32]  # (H, W, 2) px, NaN where unknown

MAX_OFFSET = 1 / 6  # of the crop: how far the common point may lie from the middle, along x and y
SAME_SURFACE = 0.03  # relative difference of neighbouring depths


def crop_pair(
    view0: DepthView,
    view1: DepthView,
    crop_px: int,
    agreement: Agreement,
    photometric: PhotometricRanges | None,
    rng: np.random.Generator,
    turn_deg: float = 0.0,
) -> ImagePair | None:
    """Cut both views around a random point that both see.

    Args:
        view0, view1: at least ``crop_px`` wide and high.
        crop_px: side of the square crops.
        agreement: when a point is seen by both.
        photometric: changes of light in both crops; None for none.
        rng: draws the point, its place in the crops, the turn and the light.
        turn_deg: the second crop turns about its centre by up to this, either way.

    Returns:
        The pair, or None where no point is seen by both.
    """
    warp = warp_views(view0, view1, agreement)
    candidates = np.flatnonzero(warp.covisible01)
    if not len(candidates):
        return None
    row, column = divmod(int(rng.choice(candidates)), view0.camera.width)
    corner0 = _corner(view0.camera, np.array([column, row], np.float64), crop_px, rng)
    corner1 = _corner(view1.camera, warp.warp01[row, column].astype(np.float64), crop_px, rng)
    cut0, cut1 = _window(corner0, crop_px), _window(corner1, crop_px)
    warp01 = warp.warp01[cut0] - corner1.astype(np.float32)
    warp10 = warp.warp10[cut1] - corner0.astype(np.float32)
    covisible01, covisible10 = warp.covisible01[cut0], warp.covisible10[cut1] & inside(warp10)
    image1 = view1.image[cut1]
    if turn_deg:
        angle_deg = rng.uniform(-turn_deg, turn_deg)
        image1, warp01, warp10, covisible10 = _turn_second(image1, warp01, warp10, covisible10, angle_deg)
    image0, image1 = change_light_of_both(view0.image[cut0], image1, photometric, rng)
    return ImagePair(image0, image1, warp01, covisible01 & inside(warp01), warp10, covisible10)


def _turn_second(
    image1: Image, warp01: Warp, warp10: Warp, covisible10: NDArray[np.bool_], angle_deg: float
) -> tuple[Image, Warp, Warp, NDArray[np.bool_]]:
    """Turn the second of two crops about its centre. Its corners, which showed nothing, are mirror images."""
    size = len(image1), len(image1)
    M = cv2.getRotationMatrix2D((0.5 * (size[0] - 1),) * 2, angle_deg, 1.0)  # (2, 3), crop 1 to turned crop 1
    image1 = np.asarray(cv2.warpAffine(image1, M, size, borderMode=cv2.BORDER_REFLECT_101))
    unknown = (np.nan, np.nan)
    warp10 = np.asarray(cv2.warpAffine(warp10, M, size, borderMode=cv2.BORDER_CONSTANT, borderValue=unknown))
    seen = cv2.warpAffine(covisible10.astype(np.uint8), M, size, flags=cv2.INTER_NEAREST) > 0
    warp01 = (warp01 @ M[:, :2].T + M[:, 2]).astype(np.float32)
    return image1, warp01, warp10, np.asarray(seen & inside(warp10))


def resize_view(view: DepthView, scale: float) -> DepthView:
    """Resize image and depth by ``scale``, to whole pixels; the camera follows exactly."""
    camera = view.camera
    size = width, height = round(camera.width * scale), round(camera.height * scale)
    interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    image = np.asarray(cv2.resize(view.image, size, interpolation=interpolation))
    x, y = width / camera.width, height / camera.height
    # Pixel centres are whole numbers: edges of the image lie at -0.5 before and after.
    resized = PinholeCamera(
        camera.fx * x, camera.fy * y,
        (camera.cx + 0.5) * x - 0.5, (camera.cy + 0.5) * y - 0.5, width, height,
    )  # fmt: skip
    return replace(view, image=image, depth=_resize_depth(view.depth, size), camera=resized)


def _resize_depth(depth: Depth, size: tuple[int, int]) -> Depth:
    """Resize depth (H, W) to (width, height): blend on a surface, take the nearest value between two."""
    nearest = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT)
    blended = 1.0 / cv2.resize(1.0 / depth, size, interpolation=cv2.INTER_LINEAR)
    return np.where(np.abs(blended - nearest) < SAME_SURFACE * nearest, blended, nearest)


def _corner(
    camera: PinholeCamera, point_px: NDArray[np.float64], crop_px: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Place a crop around a point (2,), inside the image. Returns its top left pixel (2,), x and y."""
    middle = point_px + rng.uniform(-1, 1, 2) * MAX_OFFSET * crop_px
    corner = np.rint(middle - 0.5 * (crop_px - 1)).astype(np.int64)
    return np.clip(corner, 0, np.array([camera.width, camera.height]) - crop_px)


def _window(corner: NDArray[np.int64], crop_px: int) -> tuple[slice, slice]:
    x, y = int(corner[0]), int(corner[1])
    return slice(y, y + crop_px), slice(x, x + crop_px)
