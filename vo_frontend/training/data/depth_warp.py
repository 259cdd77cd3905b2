"""Warp the pixels of one view into another by depth and pose, and tell which of them both views see."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.training.data.depth_warp_kernels import warp_pixels
from vo_frontend.types import Image

Depth = NDArray[np.float32]  # (H, W) z of the camera frame, NaN where unknown


@dataclass(frozen=True, slots=True)
class DepthView:
    """A picture with depth and pose. Depth and translation share one unit, metres or the scene's own."""

    image: Image  # (H, W, 3) RGB
    depth: Depth
    camera: PinholeCamera  # of H x W px
    T_world_cam: Transform  # (4, 4)

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
    """Warps in px and covisibility of both directions, as in ``PairBatch``."""

    warp01: NDArray[np.float32]  # (H0, W0, 2)
    covisible01: NDArray[np.bool_]  # (H0, W0)
    warp10: NDArray[np.float32]  # (H1, W1, 2)
    covisible10: NDArray[np.bool_]  # (H1, W1)


def warp_views(view0: DepthView, view1: DepthView, agreement: Agreement) -> DepthWarp:
    """Warp two views of a static scene into each other."""
    T_cam1_cam0 = se3.inverse(view1.T_world_cam) @ view0.T_world_cam
    warp01, covisible01 = warp_by_depth(view0, view1, T_cam1_cam0, agreement)
    warp10, covisible10 = warp_by_depth(view1, view0, se3.inverse(T_cam1_cam0), agreement)
    return DepthWarp(warp01, covisible01, warp10, covisible10)


def warp_by_depth(
    view0: DepthView, view1: DepthView, T_cam1_cam0: Transform, agreement: Agreement
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Warp the pixels of view 0 into view 1; ``T_cam1_cam0`` is (4, 4), in the unit of the depth.

    Returns:
        warp01: (H0, W0, 2) px; NaN where depth is unknown or the point lies behind camera 1.
        covisible01: (H0, W0). False where the point leaves the image, is hidden, or where view 1 has
            no depth to tell.
    """
    warp01 = np.empty((*view0.depth.shape, 2), np.float32)
    covisible01 = np.empty(view0.depth.shape, np.bool_)
    intrinsics0, intrinsics1 = _intrinsics(view0.camera), _intrinsics(view1.camera)
    T_cam1_cam0 = np.ascontiguousarray(T_cam1_cam0, dtype=np.float64)
    warp_pixels(
        np.ascontiguousarray(view0.depth), np.ascontiguousarray(view1.depth), intrinsics0, intrinsics1,
        T_cam1_cam0, se3.inverse(T_cam1_cam0),
        agreement.max_depth_ratio, agreement.max_round_trip_px, warp01, covisible01,
    )  # fmt: skip
    return warp01, covisible01


def _intrinsics(camera: PinholeCamera) -> NDArray[np.float64]:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy])
