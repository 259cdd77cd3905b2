"""Numba kernels of bundle adjustment. Pure functions of arrays.

Poses are ``T_cam_world`` (K, 4, 4) here, perturbed on the left: to first order
``T <- exp([rho, phi]) T``. Residuals are in ray units (normalised image coordinates), so that no
intrinsics appear. Division by zero gives inf or NaN, as in NumPy: the caller rejects such a step.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def residuals(
    T_cam_world: Array,
    points_world: Array,
    pose_index: NDArray[np.int64],
    point_index: NDArray[np.int64],
    rays: Array,
) -> Array:
    """Projected minus observed ray (O, 2); a large finite value for points behind the camera."""
    out = np.empty((len(pose_index), 2))
    for o in range(len(pose_index)):
        T = T_cam_world[pose_index[o]]
        p = points_world[point_index[o]]
        z = T[2, 0] * p[0] + T[2, 1] * p[1] + T[2, 2] * p[2] + T[2, 3]
        if z <= 1e-6:
            out[o, 0], out[o, 1] = 1e3, 1e3
            continue
        x = T[0, 0] * p[0] + T[0, 1] * p[1] + T[0, 2] * p[2] + T[0, 3]
        y = T[1, 0] * p[0] + T[1, 1] * p[1] + T[1, 2] * p[2] + T[1, 3]
        out[o, 0] = x / z - rays[o, 0]
        out[o, 1] = y / z - rays[o, 1]
    return out


@njit(cache=True, error_model="numpy")
def robust_cost(residual: Array, huber: float) -> float:
    """Sum of Huber costs of the residual norms; ``huber`` in ray units."""
    total = 0.0
    for o in range(len(residual)):
        e = np.sqrt(residual[o, 0] ** 2 + residual[o, 1] ** 2)
        total += 0.5 * e * e if e <= huber else huber * (e - 0.5 * huber)
    return total


@njit(cache=True, error_model="numpy")
def linearize(
    T_cam_world: Array, k: int, points_world: Array, m: int, ray: Array, o: int, J_pose: Array, J_point: Array
) -> tuple[float, float]:
    """Residual of observation o, of point m by camera k, and its Jacobians.

    Fills d residual / d [rho, phi] (2, 6) and / d point (2, 3). Behind the camera all are zero. Takes
    whole arrays and indices: a view per observation costs more than the arithmetic.
    """
    T, p = T_cam_world, points_world
    z = T[k, 2, 0] * p[m, 0] + T[k, 2, 1] * p[m, 1] + T[k, 2, 2] * p[m, 2] + T[k, 2, 3]
    if z <= 1e-6:
        J_pose[:], J_point[:] = 0.0, 0.0
        return 0.0, 0.0
    iz = 1.0 / z
    u = iz * (T[k, 0, 0] * p[m, 0] + T[k, 0, 1] * p[m, 1] + T[k, 0, 2] * p[m, 2] + T[k, 0, 3])
    v = iz * (T[k, 1, 0] * p[m, 0] + T[k, 1, 1] * p[m, 1] + T[k, 1, 2] * p[m, 2] + T[k, 1, 3])
    # d(x/z, y/z) / dp = iz * [[1, 0, -u], [0, 1, -v]];  dp / d[rho, phi] = [I, -hat(p)]
    J_pose[0, 0], J_pose[0, 1], J_pose[0, 2] = iz, 0.0, -u * iz
    J_pose[0, 3], J_pose[0, 4], J_pose[0, 5] = -u * v, 1.0 + u * u, -v
    J_pose[1, 0], J_pose[1, 1], J_pose[1, 2] = 0.0, iz, -v * iz
    J_pose[1, 3], J_pose[1, 4], J_pose[1, 5] = -1.0 - v * v, u * v, u
    for b in range(3):
        J_point[0, b] = iz * (T[k, 0, b] - u * T[k, 2, b])
        J_point[1, b] = iz * (T[k, 1, b] - v * T[k, 2, b])
    return u - ray[o, 0], v - ray[o, 1]


@njit(cache=True, error_model="numpy")
def reduced_system(
    T_cam_world: Array,
    points_world: Array,
    pose_index: NDArray[np.int64],
    point_start: NDArray[np.int64],
    rays: Array,
    num_fixed: int,
    huber: float,
    damping: float,
) -> tuple[Array, Array, Array, Array, Array]:
    """Normal equations with the points eliminated (Schur complement; Triggs et al. 2000, 6.1).

    Args:
        T_cam_world: (K, 4, 4); the first ``num_fixed`` stay where they are.
        points_world: (M, 3).
        pose_index: (O,) camera of each observation; sorted by point, then by camera.
        point_start: (M + 1,) first observation of each point.
        rays: (O, 2) observed.
        num_fixed: of the poses.
        huber: in ray units.
        damping: Levenberg-Marquardt, relative to the diagonal.

    Returns:
        S (6F, 6F) and g (6F,) of the free poses' step, and what back-substitution needs: V_inverse
        (M, 3, 3), point gradient (M, 3), W (O, 6, 3).
    """
    F, M = len(T_cam_world) - num_fixed, len(points_world)
    S, g = np.zeros((6 * F, 6 * F)), np.zeros(6 * F)
    V, point_gradient = np.zeros((M, 3, 3)), np.zeros((M, 3))
    W = np.empty((len(pose_index), 6, 3))
    J_pose, J_point, Y = np.empty((2, 6)), np.empty((2, 3)), np.empty((6, 3))
    for m in range(M):
        for o in range(point_start[m], point_start[m + 1]):
            k = pose_index[o]
            rx, ry = linearize(T_cam_world, k, points_world, m, rays, o, J_pose, J_point)
            e = np.sqrt(rx * rx + ry * ry)
            weight = 1.0 if e <= huber else huber / e
            _add_point(m, o, weight, rx, ry, J_pose, J_point, V, point_gradient, W)
            if k >= num_fixed:
                _add_pose(6 * (k - num_fixed), weight, rx, ry, J_pose, S, g)
        _damp_and_invert(V, m, damping)
    for a in range(6 * F):
        S[a, a] += damping * S[a, a] + 1e-12
    for m in range(M):
        _eliminate(m, pose_index, point_start, num_fixed, V, point_gradient, W, Y, S, g)
    for a in range(6 * F):  # only the blocks on and above the diagonal were summed
        for b in range(a):
            S[a, b] = S[b, a]
    return S, g, V, point_gradient, W


@njit(cache=True, error_model="numpy")
def _add_point(
    m: int,
    o: int,
    weight: float,
    rx: float,
    ry: float,
    J_pose: Array,
    J_point: Array,
    V: Array,
    point_gradient: Array,
    W: Array,
) -> None:
    for b in range(3):
        jx, jy = weight * J_point[0, b], weight * J_point[1, b]
        point_gradient[m, b] -= jx * rx + jy * ry
        for c in range(3):
            V[m, b, c] += jx * J_point[0, c] + jy * J_point[1, c]
        for a in range(6):
            W[o, a, b] = J_pose[0, a] * jx + J_pose[1, a] * jy


@njit(cache=True, error_model="numpy")
def _add_pose(block: int, weight: float, rx: float, ry: float, J_pose: Array, S: Array, g: Array) -> None:
    for a in range(6):
        jx, jy = weight * J_pose[0, a], weight * J_pose[1, a]
        g[block + a] -= jx * rx + jy * ry
        for b in range(6):
            S[block + a, block + b] += jx * J_pose[0, b] + jy * J_pose[1, b]


@njit(cache=True, error_model="numpy")
def _damp_and_invert(V: Array, m: int, damping: float) -> None:
    """Invert a symmetric 3x3 block in place by cofactors: LAPACK's overhead is ten times the work."""
    a, b, c = V[m, 0, 0] * (1.0 + damping) + 1e-12, V[m, 0, 1], V[m, 0, 2]
    d, e, f = V[m, 1, 1] * (1.0 + damping) + 1e-12, V[m, 1, 2], V[m, 2, 2] * (1.0 + damping) + 1e-12
    A, B, C = d * f - e * e, c * e - b * f, b * e - c * d
    scale = 1.0 / (a * A + b * B + c * C)
    V[m, 0, 0], V[m, 1, 1], V[m, 2, 2] = scale * A, scale * (a * f - c * c), scale * (a * d - b * b)
    V[m, 0, 1] = V[m, 1, 0] = scale * B
    V[m, 0, 2] = V[m, 2, 0] = scale * C
    V[m, 1, 2] = V[m, 2, 1] = scale * (b * c - a * e)


@njit(cache=True, error_model="numpy")
def _eliminate(
    m: int,
    pose_index: NDArray[np.int64],
    point_start: NDArray[np.int64],
    num_fixed: int,
    V_inverse: Array,
    point_gradient: Array,
    W: Array,
    Y: Array,
    S: Array,
    g: Array,
) -> None:
    """Subtract W V^-1 W' and W V^-1 gradient of one point from the pose system."""
    for i in range(point_start[m], point_start[m + 1]):
        row = 6 * (pose_index[i] - num_fixed)
        if row < 0:
            continue
        for a in range(6):
            for b in range(3):
                Y[a, b] = (
                    W[i, a, 0] * V_inverse[m, 0, b]
                    + W[i, a, 1] * V_inverse[m, 1, b]
                    + W[i, a, 2] * V_inverse[m, 2, b]
                )
            g[row + a] -= (
                Y[a, 0] * point_gradient[m, 0]
                + Y[a, 1] * point_gradient[m, 1]
                + Y[a, 2] * point_gradient[m, 2]
            )
        for j in range(i, point_start[m + 1]):  # cameras ascend: the upper triangle
            column = 6 * (pose_index[j] - num_fixed)
            for a in range(6):
                for b in range(6):
                    S[row + a, column + b] -= (
                        Y[a, 0] * W[j, b, 0] + Y[a, 1] * W[j, b, 1] + Y[a, 2] * W[j, b, 2]
                    )


@njit(cache=True, error_model="numpy")
def point_steps(
    pose_step: Array,
    pose_index: NDArray[np.int64],
    point_start: NDArray[np.int64],
    num_fixed: int,
    V_inverse: Array,
    point_gradient: Array,
    W: Array,
) -> Array:
    """Back-substitute the pose step (6F,) into the points' steps (M, 3)."""
    M = len(point_gradient)
    steps = np.empty((M, 3))
    right = np.empty(3)
    for m in range(M):
        for b in range(3):
            right[b] = point_gradient[m, b]
        for o in range(point_start[m], point_start[m + 1]):
            row = 6 * (pose_index[o] - num_fixed)
            if row < 0:
                continue
            for b in range(3):
                for a in range(6):
                    right[b] -= W[o, a, b] * pose_step[row + a]
        for b in range(3):
            steps[m, b] = (
                V_inverse[m, b, 0] * right[0] + V_inverse[m, b, 1] * right[1] + V_inverse[m, b, 2] * right[2]
            )
    return steps
