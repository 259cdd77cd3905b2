"""Numba kernels of bundle adjustment. Pure functions of arrays.

Poses are ``T_cam_world`` (K, 4, 4) here, perturbed on the left: ``T <- exp([rho, phi]) T``. Residuals
are in ray units (normalised image coordinates), so that no intrinsics appear.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@njit(cache=True)
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


@njit(cache=True)
def robust_cost(residual: Array, huber: float) -> float:
    """Sum of Huber costs of the residual norms; ``huber`` in ray units."""
    total = 0.0
    for o in range(len(residual)):
        e = np.sqrt(residual[o, 0] ** 2 + residual[o, 1] ** 2)
        total += 0.5 * e * e if e <= huber else huber * (e - 0.5 * huber)
    return total


@njit(cache=True)
def jacobians(T_cam_world: Array, point_world: Array, J_pose: Array, J_point: Array) -> bool:
    """Fill d residual / d [rho, phi] (2, 6) and / d point (2, 3). False behind the camera."""
    R = T_cam_world[:3, :3]
    p = np.empty(3)
    for a in range(3):
        p[a] = (
            R[a, 0] * point_world[0] + R[a, 1] * point_world[1] + R[a, 2] * point_world[2] + T_cam_world[a, 3]
        )
    if p[2] <= 1e-6:
        return False
    iz = 1.0 / p[2]
    u, v = p[0] * iz, p[1] * iz
    # d(x/z, y/z) / dp = iz * [[1, 0, -u], [0, 1, -v]];  dp / d[rho, phi] = [I, -hat(p)]
    J_pose[0, 0], J_pose[0, 1], J_pose[0, 2] = iz, 0.0, -u * iz
    J_pose[0, 3], J_pose[0, 4], J_pose[0, 5] = -u * v, 1.0 + u * u, -v
    J_pose[1, 0], J_pose[1, 1], J_pose[1, 2] = 0.0, iz, -v * iz
    J_pose[1, 3], J_pose[1, 4], J_pose[1, 5] = -1.0 - v * v, u * v, u
    for b in range(3):
        J_point[0, b] = iz * (R[0, b] - u * R[2, b])
        J_point[1, b] = iz * (R[1, b] - v * R[2, b])
    return True


@njit(cache=True)
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
        pose_index: (O,) camera of each observation, observations sorted by point.
        point_start: (M + 1,) first observation of each point.
        rays: (O, 2) observed.
        num_fixed: of the poses.
        huber: in ray units.
        damping: Levenberg-Marquardt, relative to the diagonal.

    Returns:
        S (6F, 6F) and g (6F,) of the free poses' step, and what back-substitution needs: V_inverse
        (M, 3, 3), point gradient (M, 3), W (O, 6, 3).
    """
    F = len(T_cam_world) - num_fixed
    M = len(points_world)
    S, g = np.zeros((6 * F, 6 * F)), np.zeros(6 * F)
    V_inverse, point_gradient = np.zeros((M, 3, 3)), np.zeros((M, 3))
    W = np.zeros((len(pose_index), 6, 3))
    J_pose, J_point, V, Y = np.empty((2, 6)), np.empty((2, 3)), np.empty((3, 3)), np.empty((6, 3))
    for m in range(M):
        V[:] = 0.0
        for o in range(point_start[m], point_start[m + 1]):
            T = T_cam_world[pose_index[o]]
            if not jacobians(T, points_world[m], J_pose, J_point):
                continue
            _accumulate(T, points_world[m], rays[o], huber, J_pose, J_point, V, point_gradient[m], W[o])
            block = 6 * (pose_index[o] - num_fixed)
            if block >= 0:
                _accumulate_pose(T, points_world[m], rays[o], huber, J_pose, S, g, block)
        for a in range(3):
            V[a, a] += damping * V[a, a] + 1e-12
        V_inverse[m] = np.linalg.inv(V)
    for a in range(6 * F):
        S[a, a] += damping * S[a, a] + 1e-12
    for m in range(M):
        _eliminate(m, pose_index, point_start, num_fixed, V_inverse[m], point_gradient[m], W, Y, S, g)
    return S, g, V_inverse, point_gradient, W


@njit(cache=True)
def _weight(residual_x: float, residual_y: float, huber: float) -> float:
    e = np.sqrt(residual_x * residual_x + residual_y * residual_y)
    return 1.0 if e <= huber else huber / e


@njit(cache=True)
def _residual(T: Array, p: Array, ray: Array) -> tuple[float, float]:
    x = T[0, 0] * p[0] + T[0, 1] * p[1] + T[0, 2] * p[2] + T[0, 3]
    y = T[1, 0] * p[0] + T[1, 1] * p[1] + T[1, 2] * p[2] + T[1, 3]
    z = T[2, 0] * p[0] + T[2, 1] * p[1] + T[2, 2] * p[2] + T[2, 3]
    return x / z - ray[0], y / z - ray[1]


@njit(cache=True)
def _accumulate(
    T: Array, p: Array, ray: Array, huber: float, J_pose: Array, J_point: Array, V: Array, gp: Array, W: Array
) -> None:
    rx, ry = _residual(T, p, ray)
    w = _weight(rx, ry, huber)
    for b in range(3):
        gp[b] -= w * (J_point[0, b] * rx + J_point[1, b] * ry)
        for c in range(3):
            V[b, c] += w * (J_point[0, b] * J_point[0, c] + J_point[1, b] * J_point[1, c])
        for a in range(6):
            W[a, b] = w * (J_pose[0, a] * J_point[0, b] + J_pose[1, a] * J_point[1, b])


@njit(cache=True)
def _accumulate_pose(
    T: Array, p: Array, ray: Array, huber: float, J_pose: Array, S: Array, g: Array, block: int
) -> None:
    rx, ry = _residual(T, p, ray)
    w = _weight(rx, ry, huber)
    for a in range(6):
        g[block + a] -= w * (J_pose[0, a] * rx + J_pose[1, a] * ry)
        for b in range(6):
            S[block + a, block + b] += w * (J_pose[0, a] * J_pose[0, b] + J_pose[1, a] * J_pose[1, b])


@njit(cache=True)
def _eliminate(
    m: int,
    pose_index: NDArray[np.int64],
    point_start: NDArray[np.int64],
    num_fixed: int,
    V_inverse: Array,
    gp: Array,
    W: Array,
    Y: Array,
    S: Array,
    g: Array,
) -> None:
    """Subtract W V^-1 W' and W V^-1 gp of one point from the pose system."""
    for i in range(point_start[m], point_start[m + 1]):
        row = 6 * (pose_index[i] - num_fixed)
        if row < 0:
            continue
        for a in range(6):
            for b in range(3):
                Y[a, b] = (
                    W[i, a, 0] * V_inverse[0, b] + W[i, a, 1] * V_inverse[1, b] + W[i, a, 2] * V_inverse[2, b]
                )
            g[row + a] -= Y[a, 0] * gp[0] + Y[a, 1] * gp[1] + Y[a, 2] * gp[2]
        for j in range(point_start[m], point_start[m + 1]):
            column = 6 * (pose_index[j] - num_fixed)
            if column < 0:
                continue
            for a in range(6):
                for b in range(6):
                    S[row + a, column + b] -= (
                        Y[a, 0] * W[j, b, 0] + Y[a, 1] * W[j, b, 1] + Y[a, 2] * W[j, b, 2]
                    )


@njit(cache=True)
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
