"""Texture look-up that is band-limited at every distance, in fixed point.

Trilinear between mip levels, with up to three taps along the longer axis of a pixel's footprint, so that
the road keeps its grain at grazing angles. Unfiltered texture would flicker and feed false corners.
"""

import math

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import inlined_part

Indices = NDArray[np.int64]
Plane = tuple[float, float, float, float, float, float, float, float, float]  # rows of (s, t, 1)/z
Mapping = tuple[float, float, float, float]  # u, v at the corner and their change along the edges, texels

ONE = 1 << 13  # a weight of one in the fixed-point texture look-up
LANE = (1 << 21) - 1  # one colour, 8 bit times the weight
MAX_LEVEL = 10.0  # of a texture with 1024 texels per side


@inlined_part
def _spread(texel: int) -> np.int64:
    """Move the three colour bytes of a texel into lanes of 21 bits, to be weighted in one multiplication."""
    x = np.int64(texel)
    return (x & 0xFF) | (x & 0xFF00) << 13 | (x & 0xFF0000) << 26


@inlined_part
def _bilinear(texels: NDArray[np.uint32], start: int, size: int, u: float, v: float, weight: int) -> int:
    """Blend colour lanes times ``weight`` (an integer up to 2^13) at (u, v) texels of one mip level.

    Texel centres lie at + 0.5; the texture wraps around.
    """
    u -= 0.5
    v -= 0.5
    u_floor, v_floor = math.floor(u), math.floor(v)
    mask = size - 1
    u0, v0 = int(u_floor) & mask, int(v_floor) & mask
    u1, row0, row1 = (u0 + 1) & mask, start + v0 * size, start + ((v0 + 1) & mask) * size
    right, lower = weight * (u - u_floor), v - v_floor
    w11 = int(right * lower)
    w01 = int(right) - w11
    w10 = int(weight * lower) - w11
    w00 = weight - w01 - w10 - w11
    return (
        w00 * _spread(texels[row0 + u0])
        + w01 * _spread(texels[row0 + u1])
        + w10 * _spread(texels[row1 + u0])
        + w11 * _spread(texels[row1 + u1])
    )


@inlined_part
def shade(
    plane: Plane,
    x: float,
    y: float,
    uv: Mapping,
    texels: NDArray[np.uint32],
    level_start: Indices,
    texture: int,
    size: int,
) -> tuple[float, float, float]:
    """Find a rectangle's colour at pixel (x, y): up to three trilinear look-ups along the pixel's footprint.

    ``texels`` (T,), ``level_start`` (L, 12) and ``size`` are those of a :class:`TextureAtlas`.
    ``plane`` (9 numbers) and ``uv`` (4 numbers) are tuples: they stay in registers from pixel to pixel.
    """
    s0, s1, s2, t0, t1, t2, w0, w1, w2 = plane
    inverse_w = 1.0 / (w0 * x + w1 * y + w2)
    s, t = (s0 * x + s1 * y + s2) * inverse_w, (t0 * x + t1 * y + t2) * inverse_w
    u, v = uv[0] + s * uv[2], uv[1] + t * uv[3]
    u_scale, v_scale = uv[2] * inverse_w, uv[3] * inverse_w
    du, dv = u_scale * (s0 - s * w0), v_scale * (t0 - t * w0)
    du_dy, dv_dy = u_scale * (s1 - s * w1), v_scale * (t1 - t * w1)
    major, minor = du * du + dv * dv, du_dy * du_dy + dv_dy * dv_dy  # squared texels per pixel
    if major < minor:
        major, minor, du, dv = minor, major, du_dy, dv_dy
    taps, share = 1, 1.0
    if major > 4.0 * max(minor, 1.0):
        taps, share = (2, 1.0 / 2) if major < 9.0 * max(minor, 1.0) else (3, 1.0 / 3)
    footprint = major * share * share
    level = min(0.5 * math.log2(footprint), MAX_LEVEL) if footprint > 1.0 else 0.0
    low = int(level)
    blend = min(max(3.0 * (level - low) - 1.0, 0.0), 1.0)  # two pixels of three need one level only
    lanes, inverse_size = np.int64(0), 1.0 / size
    for step in range(2):
        left = int(ONE * blend) if step else ONE - int(ONE * blend)
        if left == 0:
            continue
        each = int(left * share)
        start, level_size = level_start[texture, low + step], max(size >> (low + step), 1)
        scale = level_size * inverse_size
        for tap in range(taps):
            weight = each if tap + 1 < taps else left
            left -= weight
            offset = (tap + 0.5) * share - 0.5
            lanes += _bilinear(
                texels, start, level_size, (u + offset * du) * scale, (v + offset * dv) * scale, weight
            )
    return (lanes & LANE) * (1.0 / ONE), (lanes >> 21 & LANE) * (1.0 / ONE), (lanes >> 42) * (1.0 / ONE)


@inlined_part
def cutout_level(plane: Plane, uv: Mapping, w: float) -> int:
    """Choose the mip level at which to look up alpha where 1/z is ``w``."""
    texels_per_px = uv[3] * math.sqrt(plane[3] ** 2 + plane[4] ** 2) / w
    return max(0, min(int(math.log2(texels_per_px + 1e-9)), 5))


@inlined_part
def is_opaque(
    plane: Plane,
    uv: Mapping,
    x: float,
    y: float,
    w: float,
    texels: NDArray[np.uint32],
    start: int,
    size: int,
    level: int,
) -> bool:
    """Tell whether a cut-out texture (foliage) is solid here, by alpha of the nearest of ``texels`` (T,)."""
    inverse_w = 1.0 / w
    u = uv[0] + uv[2] * (plane[0] * x + plane[1] * y + plane[2]) * inverse_w
    v = uv[1] + uv[3] * (plane[3] * x + plane[4] * y + plane[5]) * inverse_w
    column, line = (int(math.floor(u)) & (size - 1)) >> level, (int(math.floor(v)) & (size - 1)) >> level
    return texels[start + line * (size >> level) + column] >> 24 >= 128
