"""Numba kernels that eliminate the points from the normal equations, and substitute back.

Poses are ``T_cam_world`` (K, 4, 4) here, perturbed on the left: to first order
``T <- exp([rho, phi]) T``. An observation is curvature C (3, 3) and gradient b (3,) of its cost by the
point in the camera frame p (see :mod:`vo_frontend.optimization.reprojection`). With R = R_cam_world it adds

    to the point:  V += R' C R          gradient  R' b
    to the pose:   U += L C L'          gradient  L b         with  L = [I; hat(p)]  (6, 3)
    between them:  W  = L C R
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import clear, inlined, kernel
from vo_frontend.optimization.reprojection import add_pose_curvature, curvature, in_camera

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Curvature = tuple[float, float, float, float, float, float, float]

SMALLEST_CURVATURE = 1e-12  # keeps what nothing observes from moving


@kernel
def reduced_system(
    T_cam_world: Array,
    points_world: Array,
    pose_index: Index,
    point_start: Index,
    measured: Array,
    num_fixed: int,
    huber: float,
    damping: float,
    S: Array,
    g: Array,
    V: Array,
    q: Array,
) -> None:
    """Build the normal equations with the points eliminated (Schur complement; Triggs et al. 2000, 6.1).

    With the damped V = F F' of a point (Cholesky), Z = W F^-T and q = -F^-1 gradient, its elimination is
    S -= Z Z' and g -= Z q: symmetric, and no inverse is formed. It goes point by point, so that W and Z stay
    in cache.

    Args:
        T_cam_world: (K, 4, 4) float64; the first ``num_fixed`` are constants.
        points_world: (M, 3) float64.
        pose_index: (O,) int64 camera of each observation; observations are sorted by point, then by camera.
        point_start: (M + 1,) int64 first observation of each point.
        measured: (O, 4) float64, see :func:`vo_frontend.optimization.reprojection.measurements`.
        num_fixed: number of fixed poses.
        huber: in ray units.
        damping: relative to the diagonal.
        S: (6F, 6F) float64, upper triangle written: matrix of the step of the F free poses.
        g: (6F,) float64, written: right side of that step.
        V: (M, 6) float64, written: F of each point, row by row, for the back-substitution.
        q: (M, 3) float64, written: q of each point, for the back-substitution.
    """
    clear(S)
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
        _eliminate(m, begin, end, pose_index, num_fixed, q, Z, S, g)
    for a in range(len(g)):
        U[a, a % 6] += damping * U[a, a % 6] + SMALLEST_CURVATURE
        for b in range(6):
            S[a, a - a % 6 + b] += U[a, b]


@kernel
def most_views(point_start: Index) -> int:
    """Return the largest number of observations of a point; ``point_start`` is (M + 1,)."""
    most = 0
    for m in range(len(point_start) - 1):
        most = max(most, point_start[m + 1] - point_start[m])
    return most


@inlined
def add_view(
    m: int, i: int, x: float, y: float, z: float, C: Curvature, T: Array, k: int, V: Array, q: Array, W: Array
) -> None:
    """Add view i, from camera k, to point m.

    Args:
        m, i, k: indices of the point, of the view among those of the point, and of the camera.
        x, y, z: the point in the camera frame.
        C: gradient b and curvature C by that point.
        T: (K, 4, 4) T_cam_world.
        V: (M, 6); R' C R is added to row m, lower triangle, row by row.
        q: (M, 3); -R' b is added to row m.
        W: (3, 6 views); W of the view, transposed, is written to its columns.
    """
    b0, b1, b2, c00, c02, c12, c22 = C
    w = 6 * i
    for c in range(3):
        r0, r1, r2 = T[k, 0, c], T[k, 1, c], T[k, 2, c]
        a0, a1, a2 = c00 * r0 + c02 * r2, c00 * r1 + c12 * r2, c02 * r0 + c12 * r1 + c22 * r2
        W[c, w], W[c, w + 1], W[c, w + 2] = a0, a1, a2
        W[c, w + 3], W[c, w + 4], W[c, w + 5] = y * a2 - z * a1, z * a0 - x * a2, x * a1 - y * a0
        q[m, c] -= r0 * b0 + r1 * b1 + r2 * b2
        for d in range(c + 1):
            V[m, c * (c + 1) // 2 + d] += T[k, 0, d] * a0 + T[k, 1, d] * a1 + T[k, 2, d] * a2


@inlined
def damp_and_whiten(m: int, num_views: int, damping: float, V: Array, q: Array, Z: Array) -> None:
    """Replace V of point m by its Cholesky factor F, q by F^-1 q, and each W by Z = W F^-T.

    Args:
        m: index of the point.
        num_views: of the point.
        damping: relative to the diagonal of V.
        V: (M, 6), row m updated.
        q: (M, 3), row m updated.
        Z: (3, 6 views), W transposed, the columns of the first ``num_views`` updated.
    """
    damped = 1.0 + damping
    f00 = np.sqrt(V[m, 0] * damped + SMALLEST_CURVATURE)
    f10, f20 = V[m, 1] / f00, V[m, 3] / f00
    f11 = np.sqrt(V[m, 2] * damped + SMALLEST_CURVATURE - f10 * f10)
    f21 = (V[m, 4] - f20 * f10) / f11
    f22 = np.sqrt(V[m, 5] * damped + SMALLEST_CURVATURE - f20 * f20 - f21 * f21)
    V[m, 0], V[m, 1], V[m, 2], V[m, 3], V[m, 4], V[m, 5] = f00, f10, f11, f20, f21, f22
    q[m, 0] /= f00
    q[m, 1] = (q[m, 1] - f10 * q[m, 0]) / f11
    q[m, 2] = (q[m, 2] - f20 * q[m, 0] - f21 * q[m, 1]) / f22
    i00, i11, i22 = 1.0 / f00, 1.0 / f11, 1.0 / f22
    for a in range(6 * num_views):
        z0 = Z[0, a] * i00
        z1 = (Z[1, a] - f10 * z0) * i11
        Z[0, a], Z[1, a] = z0, z1
        Z[2, a] = (Z[2, a] - f20 * z0 - f21 * z1) * i22


@inlined
def _eliminate(
    m: int, begin: int, end: int, pose_index: Index, num_fixed: int, q: Array, Z: Array, S: Array, g: Array
) -> None:
    """Subtract Z Z' and Z q of point m from the system of the poses.

    Args:
        m: index of the point.
        begin, end: its observations.
        pose_index: (O,) camera of each observation.
        num_fixed: number of fixed poses.
        q: (M, 3) of :func:`damp_and_whiten`.
        Z: (3, 6 views) of :func:`damp_and_whiten`.
        S: (6F, 6F), upper triangle updated.
        g: (6F,) updated.
    """
    num_views = end - begin
    for i in range(num_views):
        row = 6 * (pose_index[begin + i] - num_fixed)
        if row < 0:
            continue
        subtract_gradient(m, i, q, Z, g, row)
        j = i
        while j < num_views:  # cameras ascend: the upper triangle
            beyond = end_of_run(pose_index, begin + j, end) - begin
            subtract_views(i, j, beyond, Z, S, row, 6 * (pose_index[begin + j] - num_fixed))
            j = beyond


@inlined
def end_of_run(pose_index: Index, o: int, end: int) -> int:
    """Return the first observation after ``o``, and at most ``end``, whose camera is not the next one."""
    o += 1
    while o < end and pose_index[o] == pose_index[o - 1] + 1:
        o += 1
    return o


@inlined
def subtract_gradient(m: int, i: int, q: Array, Z: Array, g: Array, row: int) -> None:
    """Subtract Z q of view i of point m from ``g[row : row + 6]``."""
    for a in range(6):
        g[row + a] -= Z[0, 6 * i + a] * q[m, 0] + Z[1, 6 * i + a] * q[m, 1] + Z[2, 6 * i + a] * q[m, 2]


@inlined
def subtract_views(i: int, j: int, beyond: int, Z: Array, S: Array, row: int, column: int) -> None:
    """Subtract Z Z' of view i with views j to ``beyond``, whose cameras follow each other.

    Row by row over all of them, because a row of one view is too short for the vector units; and of slices,
    because a compiler that cannot exclude negative indices does not use these units.

    Args:
        i, j, beyond: views of one point.
        Z: (3, 6 views) of :func:`damp_and_whiten`.
        S: (..., ...), the block of view i with view j at ``S[row, column]``, the others to its right.
        row, column: first of the block.
    """
    first, length = 6 * j, 6 * (beyond - j)
    Z0, Z1, Z2 = Z[0, first : first + length], Z[1, first : first + length], Z[2, first : first + length]
    for a in range(6):
        z0, z1, z2 = Z[0, 6 * i + a], Z[1, 6 * i + a], Z[2, 6 * i + a]
        target = S[row + a, column : column + length]
        for b in range(length):
            target[b] -= z0 * Z0[b] + z1 * Z1[b] + z2 * Z2[b]


@kernel
def move_points(
    T_cam_world: Array,
    points_world: Array,
    pose_index: Index,
    point_start: Index,
    measured: Array,
    num_fixed: int,
    huber: float,
    pose_step: Array,
    V: Array,
    q: Array,
    moved: Array,
) -> None:
    """Back-substitute: move each point by F^-T (q - F^-1 W' step).

    W' step = R' C (rho + phi x p) is cheaper to compute again than to keep.

    Args:
        T_cam_world, points_world, pose_index, point_start, measured, num_fixed, huber: as for
            :func:`reduced_system`.
        pose_step: (6F,) float64 step of the free poses.
        V, q: as :func:`reduced_system` wrote them.
        moved: (M, 3) float64, written.
    """
    F = V
    for m in range(len(points_world)):
        w0, w1, w2 = 0.0, 0.0, 0.0
        for o in range(point_start[m], point_start[m + 1]):
            k = pose_index[o]
            f = 6 * (k - num_fixed)
            if f < 0:
                continue
            x, y, z = in_camera(T_cam_world, k, points_world, m)
            _, _, _, c00, c02, c12, c22 = curvature(x, y, z, measured, o, huber)
            d0 = pose_step[f] + pose_step[f + 4] * z - pose_step[f + 5] * y
            d1 = pose_step[f + 1] + pose_step[f + 5] * x - pose_step[f + 3] * z
            d2 = pose_step[f + 2] + pose_step[f + 3] * y - pose_step[f + 4] * x
            a0, a1, a2 = c00 * d0 + c02 * d2, c00 * d1 + c12 * d2, c02 * d0 + c12 * d1 + c22 * d2
            w0 += T_cam_world[k, 0, 0] * a0 + T_cam_world[k, 1, 0] * a1 + T_cam_world[k, 2, 0] * a2
            w1 += T_cam_world[k, 0, 1] * a0 + T_cam_world[k, 1, 1] * a1 + T_cam_world[k, 2, 1] * a2
            w2 += T_cam_world[k, 0, 2] * a0 + T_cam_world[k, 1, 2] * a1 + T_cam_world[k, 2, 2] * a2
        w0 /= F[m, 0]  # F^-1 w, then F^-T (q - F^-1 w)
        w1 = (w1 - F[m, 1] * w0) / F[m, 2]
        w2 = (w2 - F[m, 3] * w0 - F[m, 4] * w1) / F[m, 5]
        s2 = (q[m, 2] - w2) / F[m, 5]
        s1 = (q[m, 1] - w1 - F[m, 4] * s2) / F[m, 2]
        s0 = (q[m, 0] - w0 - F[m, 1] * s1 - F[m, 3] * s2) / F[m, 0]
        moved[m, 0] = points_world[m, 0] + s0
        moved[m, 1] = points_world[m, 1] + s1
        moved[m, 2] = points_world[m, 2] + s2
