"""Draws projected rectangles: exact visibility and depth, smooth edges.

Visibility is decided at 3x3 samples per pixel, the middle one at the pixel's centre; colour is looked up
once per surface in a pixel, at the centroid of its samples. That keeps edges smooth, which matters: the
staircase of a hard edge is full of corners that do not move with the scene.
"""

import math

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import exact_kernel, inlined_part, part
from vo_frontend.simulation.street.texture_kernels import Mapping, Plane, cutout_level, is_opaque, shade

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
Indices = NDArray[np.int64]

SAMPLES_PER_SIDE = 3
NOTHING, DONE = -1, -2  # in place of a rectangle's number


@inlined_part
def _plane(planes: Array, k: int) -> Plane:
    return (
        planes[k, 0, 0], planes[k, 0, 1], planes[k, 0, 2], planes[k, 1, 0], planes[k, 1, 1], planes[k, 1, 2],
        planes[k, 2, 0], planes[k, 2, 1], planes[k, 2, 2],
    )  # fmt: skip


@inlined_part
def _mapping(uv: Array, r: int) -> Mapping:
    return uv[r, 0], uv[r, 1], uv[r, 2], uv[r, 3]


@inlined_part
def _interval(bounds: Array, k: int, y: float, width: int) -> tuple[int, int]:
    """Find the samples [first, last) of row y (px) inside rectangle k; sample i is at x = (i - 1) / 3 px."""
    low = max(
        max(bounds[k, 0, 0] * y + bounds[k, 0, 1], bounds[k, 1, 0] * y + bounds[k, 1, 1]),
        max(bounds[k, 2, 0] * y + bounds[k, 2, 1], bounds[k, 3, 0] * y + bounds[k, 3, 1]),
    )
    high = min(
        min(bounds[k, 0, 2] * y + bounds[k, 0, 3], bounds[k, 1, 2] * y + bounds[k, 1, 3]),
        min(bounds[k, 2, 2] * y + bounds[k, 2, 3], bounds[k, 3, 2] * y + bounds[k, 3, 3]),
    )
    low, high = max(low, -1.0), min(high, float(width))
    first = int(math.ceil(low * SAMPLES_PER_SIDE + 1.0))
    last = int(math.floor(high * SAMPLES_PER_SIDE + 1.0)) + 1
    return max(first, 0), min(last, SAMPLES_PER_SIDE * width)


@part
def _cover_row(
    y: float,
    candidates: Indices,
    sample_x: Array32,
    ids: Indices,
    planes: Array,
    bounds: Array,
    rows: Array,
    layer: Indices,
    uv: Array,
    texels: NDArray[np.uint32],
    level_start: Indices,
    layer_size: Indices,
    cutout: NDArray[np.bool_],
    inverse_z: Array32,
    owner: NDArray[np.int32],
) -> None:
    """Fill (3 W,) buffers of one row of samples with 1/z and the number of the nearest rectangle."""
    inverse_z[:] = 0.0
    owner[:] = NOTHING
    width = inverse_z.shape[0] // SAMPLES_PER_SIDE
    for k in candidates:
        if y < rows[k, 0] or y > rows[k, 1]:
            continue
        first, last = _interval(bounds, k, y, width)
        if first >= last:
            continue
        # Single precision and no branches, so that the compiler handles many samples at a time.
        step = np.float32(planes[k, 2, 0])
        base = np.float32(planes[k, 2, 1] * y + planes[k, 2, 2])
        r, number = ids[k], np.int32(k)
        texture = layer[r]
        if not cutout[texture]:
            for i in range(np.uint32(first), np.uint32(last)):
                w = base + step * sample_x[i]
                closer = w > inverse_z[i]
                owner[i] = number if closer else owner[i]
                inverse_z[i] = w if closer else inverse_z[i]
            continue
        plane, mapping = _plane(planes, k), _mapping(uv, r)
        level = cutout_level(plane, mapping, base + step * sample_x[(first + last) // 2])
        start, size = level_start[texture, level], layer_size[texture]
        for i in range(first, last):
            w = base + step * sample_x[i]
            if w > inverse_z[i] and is_opaque(plane, mapping, sample_x[i], y, w, texels, start, size, level):
                inverse_z[i] = w
                owner[i] = number


@inlined_part
def _uniform(owner: NDArray[np.int32], x: int) -> bool:
    """Whether one surface fills pixel x."""
    n = SAMPLES_PER_SIDE
    k = owner[1, n * x + 1]
    same = True
    for i in range(n):
        for j in range(n):
            same &= owner[i, n * x + j] == k
    return same


@part
def _blend(
    row: int,
    x: int,
    members: NDArray[np.int32],
    ids: Indices,
    planes: Array,
    layer: Indices,
    uv: Array,
    tint: Array,
    texels: NDArray[np.uint32],
    level_start: Indices,
    layer_size: Indices,
    background: Array,
    colors: Array32,
) -> None:
    """Colour a pixel that several surfaces share; ``members`` (9,) names the owner of each sample."""
    n = SAMPLES_PER_SIDE
    colors[row, x, 0] = colors[row, x, 1] = colors[row, x, 2] = 0.0
    for i in range(n * n):
        k = members[i]
        if k == DONE:
            continue
        count, sum_x, sum_y = 0, 0, 0
        for j in range(i, n * n):
            if members[j] == k:
                members[j] = DONE
                count += 1
                sum_x += j % n - 1
                sum_y += j // n - 1
        weight = count / (n * n)
        red, green, blue = background[0], background[1], background[2]
        if k != NOTHING:
            r = ids[k]
            center_x, center_y = x + sum_x / (n * count), row + sum_y / (n * count)
            red, green, blue = shade(
                _plane(planes, k), center_x, center_y, _mapping(uv, r),
                texels, level_start, layer[r], layer_size[layer[r]],
            )  # fmt: skip
            red, green, blue = red * tint[r, 0], green * tint[r, 1], blue * tint[r, 2]
        colors[row, x, 0] += weight * red
        colors[row, x, 1] += weight * green
        colors[row, x, 2] += weight * blue


@exact_kernel
def render_rows(
    first_row: int,
    last_row: int,
    ids: Indices,
    planes: Array,
    bounds: Array,
    rows: Array,
    layer: Indices,
    uv: Array,
    tint: Array,
    texels: NDArray[np.uint32],
    level_start: Indices,
    layer_size: Indices,
    cutout: NDArray[np.bool_],
    background: Array,
    colors: Array32,
    depth_m: Array32,
) -> None:
    """Render rows [first_row, last_row) into ``colors`` (H, W, 3) and ``depth_m`` (H, W), both float32.

    ``ids``, ``planes``, ``bounds`` and ``rows`` come from :mod:`projection_kernels`; ``layer``, ``uv`` and
    ``tint`` are those of all :class:`Rectangles`; the rest is a :class:`TextureAtlas`.
    Depth is z at the pixel's centre, NaN where there is nothing.
    """
    n = SAMPLES_PER_SIDE
    width = colors.shape[1]
    sample_x = ((np.arange(n * width) - 1.0) / n).astype(np.float32)
    inverse_z = np.empty((n, n * width), np.float32)
    owner = np.empty((n, n * width), np.int32)
    members = np.empty(n * n, np.int32)
    candidates = np.flatnonzero((rows[:, 0] <= last_row) & (rows[:, 1] >= first_row - 1))
    for row in range(first_row, last_row):
        for j in range(n):
            y = row + (j - 1.0) / n
            _cover_row(
                y, candidates, sample_x, ids, planes, bounds, rows, layer, uv,
                texels, level_start, layer_size, cutout, inverse_z[j], owner[j],
            )  # fmt: skip
        x = 0
        while x < width:
            k = owner[1, n * x + 1]
            if k == NOTHING or not _uniform(owner, x):
                depth_m[row, x] = np.nan
                if k != NOTHING:
                    depth_m[row, x] = 1.0 / (planes[k, 2, 0] * x + planes[k, 2, 1] * row + planes[k, 2, 2])
                for i in range(n):
                    for j in range(n):
                        members[i * n + j] = owner[i, n * x + j]
                _blend(
                    row, x, members, ids, planes, layer, uv, tint,
                    texels, level_start, layer_size, background, colors,
                )  # fmt: skip
                x += 1
                continue
            plane, mapping, r = _plane(planes, k), _mapping(uv, ids[k]), ids[k]
            texture, size = layer[r], layer_size[layer[r]]
            red_tint, green_tint, blue_tint = tint[r, 0], tint[r, 1], tint[r, 2]
            while x < width and owner[1, n * x + 1] == k and _uniform(owner, x):
                depth_m[row, x] = 1.0 / (plane[6] * x + plane[7] * row + plane[8])
                red, green, blue = shade(
                    plane, float(x), float(row), mapping, texels, level_start, texture, size
                )
                colors[row, x, 0], colors[row, x, 1] = red * red_tint, green * green_tint
                colors[row, x, 2] = blue * blue_tint
                x += 1
