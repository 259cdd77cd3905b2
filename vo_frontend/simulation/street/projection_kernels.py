"""Where a textured rectangle lies in the picture, as functions that are linear in the pixel.

A rectangle ``C + s U + t V`` (s, t in 0..1, camera frame) meets the ray d = (x, y, 1) of a pixel where
``[U V C] (s, t, 1)^T = z d``. Hence ``(s/z, t/z, 1/z) = [U V C]^-1 d`` is linear in the pixel position
(Olano and Greer, Triangle scan conversion using 2D homogeneous coordinates, 1997). Inside is where four
linear functions are positive, so a rectangle covers one interval of each row, without any clipping; where
the determinant is negative we see its back, and it is dropped.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import exact_kernel, part

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

NEAR_M = 0.05
TINY_PX = 0.33  # narrower rectangles fall between the samples anyway


@part
def _rotate(R: Array, vectors: Array, r: int) -> tuple[float, float, float]:
    x, y, z = vectors[r, 0], vectors[r, 1], vectors[r, 2]
    return (
        R[0, 0] * x + R[0, 1] * y + R[0, 2] * z,
        R[1, 0] * x + R[1, 1] * y + R[1, 2] * z,
        R[2, 0] * x + R[2, 1] * y + R[2, 2] * z,
    )


@part
def _cross(a0: float, a1: float, a2: float, b0: float, b1: float, b2: float) -> tuple[float, float, float]:
    return a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0


@part
def _row_bounds(planes: Array, k: int, bounds: Array, rows: Array) -> None:
    """Fill ``bounds[k]`` (4, 4): per side, least and greatest x of rectangle k as slope * y + offset, px.

    A side bounds x from one direction only, whatever the row; a horizontal side narrows ``rows[k]`` instead.
    """
    for side in range(4):
        i = side >> 1
        a, b, c = planes[k, i, 0], planes[k, i, 1], planes[k, i, 2]
        if side & 1:  # s <= 1 or t <= 1, where the others are s >= 0 and t >= 0
            a, b, c = planes[k, 2, 0] - a, planes[k, 2, 1] - b, planes[k, 2, 2] - c
        bounds[k, side, 0], bounds[k, side, 1] = 0.0, -np.inf
        bounds[k, side, 2], bounds[k, side, 3] = 0.0, np.inf
        if a > 0.0:
            bounds[k, side, 0], bounds[k, side, 1] = -b / a, -c / a
        elif a < 0.0:
            bounds[k, side, 2], bounds[k, side, 3] = -b / a, -c / a
        elif b > 0.0:
            rows[k, 0] = max(rows[k, 0], -c / b)
        elif b < 0.0:
            rows[k, 1] = min(rows[k, 1], -c / b)


@exact_kernel
def project_rectangles(
    corner: Array,
    edge_u: Array,
    edge_v: Array,
    R_cw: Array,
    t_cw: Array,
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    width: int,
    height: int,
) -> tuple[Indices, Array, Array, Array, Array]:
    """Find the rectangles that may be in view and express them as linear functions of the pixel.

    ``corner``, ``edge_u`` and ``edge_v`` are (R, 3) in the world, m; ``R_cw`` (3, 3) and ``t_cw`` (3,) take
    world to camera.

    Returns:
        ids: (K,) int64 rows of ``corner``.
        planes: (K, 3, 3); ``planes[k] @ (x_px, y_px, 1)`` is (s/z, t/z, 1/z).
        bounds: (K, 4, 4) see :func:`_row_bounds`.
        rows: (K, 2) first and last image row that the rectangle may touch, px.
        nearest: (K,) smallest corner depth, m.
    """
    total = corner.shape[0]
    ids = np.empty(total, np.int64)
    planes = np.empty((total, 3, 3))
    bounds = np.empty((total, 4, 4))
    rows = np.empty((total, 2))
    nearest = np.empty(total)
    count = 0
    for r in range(total):
        c0, c1, c2 = _rotate(R_cw, corner, r)
        c0, c1, c2 = c0 + t_cw[0], c1 + t_cw[1], c2 + t_cw[2]
        u0, u1, u2 = _rotate(R_cw, edge_u, r)
        v0, v1, v2 = _rotate(R_cw, edge_v, r)
        n0, n1, n2 = _cross(u0, u1, u2, v0, v1, v2)
        det = n0 * c0 + n1 * c1 + n2 * c2
        if det <= 1e-9:
            continue
        z_min, z_max = np.inf, -np.inf
        x_low, x_high, y_low, y_high = np.inf, -np.inf, np.inf, -np.inf
        for k in range(4):
            s, t = float(k & 1), float(k >> 1)
            z = c2 + s * u2 + t * v2
            z_min, z_max = min(z_min, z), max(z_max, z)
            if z > NEAR_M:
                x, y = fx * (c0 + s * u0 + t * v0) / z + cx, fy * (c1 + s * u1 + t * v1) / z + cy
                x_low, x_high = min(x_low, x), max(x_high, x)
                y_low, y_high = min(y_low, y), max(y_high, y)
        if z_max <= NEAR_M:
            continue
        if z_min <= NEAR_M:  # reaches behind the camera: its corners say nothing about its extent
            x_low, x_high, y_low, y_high = -np.inf, np.inf, -np.inf, np.inf
        if x_high < -1 or x_low > width or y_high < -1 or y_low > height:
            continue
        if x_high - x_low < TINY_PX or y_high - y_low < TINY_PX:
            continue
        planes[count, 0, 0], planes[count, 0, 1], planes[count, 0, 2] = _cross(v0, v1, v2, c0, c1, c2)
        planes[count, 1, 0], planes[count, 1, 1], planes[count, 1, 2] = _cross(c0, c1, c2, u0, u1, u2)
        planes[count, 2, 0], planes[count, 2, 1], planes[count, 2, 2] = n0, n1, n2
        for i in range(3):
            a, b = planes[count, i, 0] / (det * fx), planes[count, i, 1] / (det * fy)
            planes[count, i, 0], planes[count, i, 1] = a, b
            planes[count, i, 2] = planes[count, i, 2] / det - a * cx - b * cy
        ids[count] = r
        rows[count, 0], rows[count, 1] = y_low - 1.0, y_high + 1.0
        _row_bounds(planes, count, bounds, rows)
        nearest[count] = z_min
        count += 1
    return ids[:count], planes[:count], bounds[:count], rows[:count], nearest[:count]
