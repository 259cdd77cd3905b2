"""Where the pixels of one view lie in another, from depth and pose, and which of them both views see."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import Camera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.types import Image

Depth = NDArray[np.float32]  # (H, W) z of the camera frame, NaN where unknown


@dataclass(frozen=True, slots=True)
class DepthView:
    """A posed picture with depth. Depth and translation share one unit, metres or the scene's own."""

    image: Image  # (H, W, 3) RGB
    depth: Depth
    camera: Camera  # of H x W px
    T_world_cam: Transform

    def __post_init__(self) -> None:
        size = self.camera.height, self.camera.width
        if self.image.shape != (*size, 3) or self.depth.shape != size:
            raise ValueError(
                f"DepthView needs image (H, W, 3) and depth (H, W) of the camera's size {size}, "
                f"got {self.image.shape}, {self.depth.shape}"
            )


@dataclass(frozen=True, slots=True)
class Agreement:
    """When the two views see the same surface (after the depth filter of MVSNet, Yao et al. 2018).

    The depth test finds what is hidden. The round trip also bounds what wrong depth does to the warp.
    """

    max_depth_ratio: float = 0.02  # of measured to predicted depth, minus one
    max_round_trip_px: float = 1.0  # from a pixel to the other view and, with the depth found there, back


class DepthWarp(NamedTuple):
    """Warps (H, W, 2) in px and covisibility (H, W) of both directions, as in ``PairBatch``."""

    warp01: NDArray[np.float32]
    covisible01: NDArray[np.bool_]
    warp10: NDArray[np.float32]
    covisible10: NDArray[np.bool_]


def warp_views(view0: DepthView, view1: DepthView, agreement: Agreement) -> DepthWarp:
    """Warp two views of a static scene into each other."""
    T_cam1_cam0 = se3.inverse(view1.T_world_cam) @ view0.T_world_cam
    warp01, covisible01 = warp_by_depth(view0, view1, T_cam1_cam0, agreement)
    warp10, covisible10 = warp_by_depth(view1, view0, se3.inverse(T_cam1_cam0), agreement)
    return DepthWarp(warp01, covisible01, warp10, covisible10)


def warp_by_depth(
    view0: DepthView, view1: DepthView, T_cam1_cam0: Transform, agreement: Agreement
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Warp the pixels of view 0 into view 1.

    Returns:
        warp01: (H0, W0, 2) px; NaN where depth is unknown or the point lies behind camera 1.
        covisible01: (H0, W0). False where the point leaves the image, is hidden, or where view 1 has
            no depth to tell.
    """
    warp01 = np.empty((*view0.depth.shape, 2), np.float32)
    covisible01 = np.empty(view0.depth.shape, np.bool_)
    intrinsics0, intrinsics1 = _intrinsics(view0.camera), _intrinsics(view1.camera)
    T_cam1_cam0 = np.ascontiguousarray(T_cam1_cam0, dtype=np.float64)
    _warp(
        np.ascontiguousarray(view0.depth), np.ascontiguousarray(view1.depth), intrinsics0, intrinsics1,
        T_cam1_cam0, se3.inverse(T_cam1_cam0),
        agreement.max_depth_ratio, agreement.max_round_trip_px, warp01, covisible01,
    )  # fmt: skip
    return warp01, covisible01


def _intrinsics(camera: Camera) -> NDArray[np.float64]:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy])


@njit(cache=True, nogil=True, error_model="numpy")
def _warp(  # type: ignore[no-untyped-def]
    depth0,
    depth1,
    intrinsics0,
    intrinsics1,
    T_1_0,
    T_0_1,
    max_depth_ratio,
    max_round_trip_px,
    warp01,
    covisible01,
):
    for y in range(depth0.shape[0]):
        for x in range(depth0.shape[1]):
            u, v, z = _transfer(float(x), float(y), float(depth0[y, x]), intrinsics0, intrinsics1, T_1_0)
            warp01[y, x, 0], warp01[y, x, 1] = u, v
            seen = _depth_at(depth1, u, v)
            covisible01[y, x] = False
            if abs(seen - z) <= max_depth_ratio * z:  # False for NaN too
                back_x, back_y, _ = _transfer(u, v, seen, intrinsics1, intrinsics0, T_0_1)
                covisible01[y, x] = (back_x - x) ** 2 + (back_y - y) ** 2 <= max_round_trip_px**2


@njit(cache=True, nogil=True, error_model="numpy")
def _transfer(x, y, z, intrinsics_a, intrinsics_b, T_b_a):  # type: ignore[no-untyped-def]
    """Pixel and depth in b of pixel (x, y) with depth z in a; NaN unless in front of both."""
    ray_x, ray_y = (x - intrinsics_a[2]) / intrinsics_a[0], (y - intrinsics_a[3]) / intrinsics_a[1]
    x_b = z * (T_b_a[0, 0] * ray_x + T_b_a[0, 1] * ray_y + T_b_a[0, 2]) + T_b_a[0, 3]
    y_b = z * (T_b_a[1, 0] * ray_x + T_b_a[1, 1] * ray_y + T_b_a[1, 2]) + T_b_a[1, 3]
    z_b = z * (T_b_a[2, 0] * ray_x + T_b_a[2, 1] * ray_y + T_b_a[2, 2]) + T_b_a[2, 3]
    if not (z > 0.0 and z_b > 0.0):
        return np.nan, np.nan, np.nan
    return (
        intrinsics_b[0] * x_b / z_b + intrinsics_b[2],
        intrinsics_b[1] * y_b / z_b + intrinsics_b[3],
        z_b,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _depth_at(depth, u, v):  # type: ignore[no-untyped-def]
    """Depth between four pixels, NaN outside the image and where one of the four is unknown.

    Inverse depth is blended: of a plane it is linear in the pixel, so that the result is exact.
    """
    height, width = depth.shape
    if not (u >= 0.0 and v >= 0.0 and u <= width - 1 and v <= height - 1):
        return np.nan
    x, y = min(int(u), width - 2), min(int(v), height - 2)
    right, below = u - x, v - y
    inverse = (1.0 - below) * ((1.0 - right) / depth[y, x] + right / depth[y, x + 1]) + below * (
        (1.0 - right) / depth[y + 1, x] + right / depth[y + 1, x + 1]
    )
    return 1.0 / inverse
