"""Numba kernels that eliminate the points of a large problem into a system of tiles.

The algebra and the names are those of :mod:`vo_frontend.optimization.point_elimination`; only the place of
the result differs.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import called_with, clear, inlined, kernel
from vo_frontend.optimization.point_elimination import (
    SMALLEST_CURVATURE,
    add_view,
    damp_and_whiten,
    end_of_run,
    most_views,
    subtract_gradient,
    subtract_views,
)
from vo_frontend.optimization.reprojection import add_pose_curvature, curvature, in_camera
from vo_frontend.optimization.tiles import TILE

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@called_with("(i8[::1], i8[::1], i8)")
@kernel
def coupled_tiles(tile_index: Index, point_start: Index, num_tiles: int) -> NDArray[np.bool_]:
    """Return which tiles see a common point: (T, T), symmetric.

    Args:
        tile_index: (O,) int64 tile of the camera of each observation, -1 for a fixed one; sorted by point.
        point_start: (M + 1,) int64 first observation of each point.
        num_tiles: T.
    """
    is_coupled = np.zeros((num_tiles, num_tiles), np.bool_)
    for m in range(len(point_start) - 1):
        for i in range(point_start[m], point_start[m + 1]):
            for j in range(point_start[m], point_start[m + 1]):
                if tile_index[i] >= 0 and tile_index[j] >= 0:
                    is_coupled[tile_index[i], tile_index[j]] = True
    return is_coupled


@called_with(
    "(f8[:,:,::1], f8[:,::1], i8[::1], i8[::1], f8[:,::1], i8, f8, f8, "
    "i8[:,::1], f8[:,:,::1], f8[::1], f8[:,::1], f8[:,::1])"
)
@kernel
def reduced_tiles(
    T_cam_world: Array,
    points_world: Array,
    pose_index: Index,
    point_start: Index,
    measured: Array,
    num_fixed: int,
    huber: float,
    damping: float,
    slot: Index,
    tiles: Array,
    g: Array,
    V: Array,
    q: Array,
) -> None:
    """Build the normal equations of some points, with these eliminated; those of all points are the sum.

    Args:
        T_cam_world, points_world, pose_index, point_start, measured, num_fixed, huber, damping, V, q: as for
            :func:`vo_frontend.optimization.point_elimination.reduced_system`; points_world, point_start, V
            and q may be a slice.
        slot: (T, T) int64 of the :class:`vo_frontend.optimization.tiles.TilePattern`.
        tiles: (stored, TILE, TILE) float64, upper triangle written: matrix of the step of the F free poses.
        g: (6F,) float64, written: right side of that step.
    """
    clear(tiles)
    clear(g)
    clear(V)
    clear(q)
    U = np.zeros((len(g), 6))
    Z = np.empty((3, 6 * most_views(point_start)))
    for m in range(len(points_world)):
        begin, end = point_start[m], point_start[m + 1]
        for o in range(begin, end):
            k = pose_index[o]
            x, y, z = in_camera(T_cam_world, k, points_world, m)
            C = curvature(x, y, z, measured, o, huber)
            add_view(m, o - begin, x, y, z, C, T_cam_world, k, V, q, Z)
            if k >= num_fixed:
                add_pose_curvature(6 * (k - num_fixed), x, y, z, C, U, g)
        damp_and_whiten(m, end - begin, damping, V, q, Z)
        _eliminate(m, begin, end, pose_index, num_fixed, q, Z, slot, tiles, g)
    for a in range(len(g)):
        U[a, a % 6] += damping * U[a, a % 6] + SMALLEST_CURVATURE
        t, row = slot[a // TILE, a // TILE], a % TILE
        for b in range(6):
            tiles[t, row, row - a % 6 + b] += U[a, b]


@inlined
def _eliminate(
    m: int,
    begin: int,
    end: int,
    pose_index: Index,
    num_fixed: int,
    q: Array,
    Z: Array,
    slot: Index,
    tiles: Array,
    g: Array,
) -> None:
    """Subtract Z Z' and Z q of point m from the system of the poses; cameras ascend within the point."""
    num_views = end - begin
    for i in range(num_views):
        first = 6 * (pose_index[begin + i] - num_fixed)
        if first < 0:
            continue
        subtract_gradient(m, i, q, Z, g, first)
        j = i
        while j < num_views:
            second = 6 * (pose_index[begin + j] - num_fixed)
            column = second % TILE
            beyond = min(end_of_run(pose_index, begin + j, end) - begin, j + (TILE - column) // 6)
            subtract_views(i, j, beyond, Z, tiles[slot[first // TILE, second // TILE]], first % TILE, column)
            j = beyond
