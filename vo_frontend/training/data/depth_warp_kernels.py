"""Warp pixels by depth and pose, one by one."""

import numpy as np

from vo_frontend.compute.compilation import exact_kernel, part


@exact_kernel
def warp_pixels(  # type: ignore[no-untyped-def]
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
    """Write where the pixels of view 0 lie in view 1, and which of them both views see.

    Args:
        depth0, depth1: (H0, W0), (H1, W1) float32, NaN where unknown.
        intrinsics0, intrinsics1: (4,) fx fy cx cy in px.
        T_1_0, T_0_1: (4, 4), in the unit of the depth.
        max_depth_ratio, max_round_trip_px: as in :class:`Agreement`.
        warp01: (H0, W0, 2) float32 px, written to.
        covisible01: (H0, W0) bool, written to.
    """
    for y in range(depth0.shape[0]):
        for x in range(depth0.shape[1]):
            u, v, z = transfer(float(x), float(y), float(depth0[y, x]), intrinsics0, intrinsics1, T_1_0)
            warp01[y, x, 0], warp01[y, x, 1] = u, v
            seen = depth_at(depth1, u, v)
            covisible01[y, x] = False
            if abs(seen - z) <= max_depth_ratio * z:  # False for NaN too
                back_x, back_y, _ = transfer(u, v, seen, intrinsics1, intrinsics0, T_0_1)
                covisible01[y, x] = (back_x - x) ** 2 + (back_y - y) ** 2 <= max_round_trip_px**2


@part
def transfer(x, y, z, intrinsics_a, intrinsics_b, T_b_a):  # type: ignore[no-untyped-def]
    """Find pixel and depth in b, by ``T_b_a`` (4, 4), of pixel (x, y) with depth z in a.

    The intrinsics (4,) are fx fy cx cy in px. NaN unless the point is in front of both.
    """
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


@part
def depth_at(depth, u, v):  # type: ignore[no-untyped-def]
    """Read depth (H, W) between four pixels, NaN outside the image and where one of the four is unknown.

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
