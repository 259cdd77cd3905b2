"""Rigid transforms as plain (4, 4) float64 arrays.

Name them by what they do: ``T_a_b`` takes coordinates in frame b to frame a, so that
``p_a = R_a_b @ p_b + t_a_b`` and neighbouring frames cancel: ``T_a_c = T_a_b @ T_b_c``.
Twists are ``[rho, phi]``: translation first (scene units), then rotation (rad).
Quaternions are wxyz. All functions accept leading batch dimensions unless they say otherwise.
"""

import numpy as np
from numpy.typing import NDArray

Transform = NDArray[np.float64]  # (4, 4), bottom row [0, 0, 0, 1]


def from_rotation_translation(R_a_b: NDArray[np.float64], t_a_b: NDArray[np.float64]) -> Transform:
    """Assemble ``T_a_b`` (..., 4, 4) from a rotation (..., 3, 3) and a translation (..., 3)."""
    R_a_b = np.asarray(R_a_b, dtype=np.float64)
    T_a_b = np.zeros((*R_a_b.shape[:-2], 4, 4))
    T_a_b[..., :3, :3] = R_a_b
    T_a_b[..., :3, 3] = t_a_b
    T_a_b[..., 3, 3] = 1.0
    return T_a_b


def inverse(T_a_b: Transform) -> Transform:
    """Return ``T_b_a`` (..., 4, 4) of ``T_a_b`` (..., 4, 4), whose rotation must be orthonormal."""
    R_b_a = np.swapaxes(T_a_b[..., :3, :3], -1, -2)
    return from_rotation_translation(R_b_a, -np.einsum("...ij,...j->...i", R_b_a, T_a_b[..., :3, 3]))


def transform_points(T_a_b: Transform, points_b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take points (N, 3) from frame b to frame a (N, 3), by one transform (4, 4)."""
    return points_b @ T_a_b[:3, :3].T + T_a_b[:3, 3]


def hat(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix (..., 3, 3) of v (..., 3) with ``hat(v) @ w == cross(v, w)``."""
    zero = np.zeros_like(v[..., 0])
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return np.stack(rows, axis=-1).reshape(*v.shape[:-1], 3, 3)


def so3_exp(phi_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a rotation vector (..., 3) in rad into a rotation (..., 3, 3) (Rodrigues)."""
    angle = np.linalg.norm(phi_rad, axis=-1)[..., None, None]
    K = hat(phi_rad)
    small = angle < 1e-6
    safe = np.where(small, 1.0, angle)
    a = np.where(small, 1.0 - angle**2 / 6.0, np.sin(safe) / safe)
    b = np.where(small, 0.5 - angle**2 / 24.0, (1.0 - np.cos(safe)) / safe**2)
    return np.eye(3) + a * K + b * (K @ K)


def so3_log(R_a_b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a rotation (..., 3, 3) into its vector (..., 3), angle in [0, pi], through the quaternion."""
    q = quaternion_from_rotation(R_a_b)
    w, v = q[..., :1], q[..., 1:]
    sine = np.linalg.norm(v, axis=-1, keepdims=True)
    small = sine < 1e-9
    angle = 2.0 * np.arctan2(sine, w)
    return np.where(small, 2.0, angle / np.where(small, 1.0, sine)) * v


def left_jacobian(phi_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return V (3, 3) of phi (3,) rad with ``exp([rho, phi]).t == V @ rho`` (Barfoot 2017, eq. 7.77b)."""
    angle = float(np.linalg.norm(phi_rad))
    K = hat(phi_rad)
    if angle < 1e-5:
        return np.eye(3) + 0.5 * K + K @ K / 6.0
    a = (1.0 - np.cos(angle)) / angle**2
    b = (angle - np.sin(angle)) / angle**3
    return np.eye(3) + a * K + b * (K @ K)


def exp(twist: NDArray[np.float64]) -> Transform:
    """Turn one twist (6,) ``[rho, phi]`` into a transform (4, 4)."""
    phi_rad = twist[3:]
    return from_rotation_translation(so3_exp(phi_rad), left_jacobian(phi_rad) @ twist[:3])


def log(T_a_b: Transform) -> NDArray[np.float64]:
    """Turn one transform (4, 4) into its twist (6,) ``[rho, phi]``: inverse of :func:`exp` below pi."""
    phi_rad = so3_log(T_a_b[:3, :3])
    return np.concatenate([np.linalg.solve(left_jacobian(phi_rad), T_a_b[:3, 3]), phi_rad])


def rotation_angle_rad(R_a_b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angle (...,) in rad of a rotation (..., 3, 3), in [0, pi], exact for tiny angles too."""
    return np.linalg.norm(so3_log(R_a_b), axis=-1)


def nearest_rotation(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation (..., 3, 3) nearest to a matrix (..., 3, 3) in the Frobenius norm (Kabsch)."""
    U, _, Vt = np.linalg.svd(matrix)
    sign = np.linalg.det(U @ Vt)
    U = U.copy()
    U[..., :, 2] *= sign[..., None]
    return U @ Vt


def quaternion_from_rotation(R_a_b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a rotation (..., 3, 3) into a unit quaternion wxyz (..., 4), w >= 0 (Shepperd's method)."""
    R = np.asarray(R_a_b, dtype=np.float64)
    flat = R.reshape(-1, 3, 3)
    m00, m11, m22 = flat[:, 0, 0], flat[:, 1, 1], flat[:, 2, 2]
    squared = np.stack(
        [1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22], 1
    )
    a, b, c = flat[:, 2, 1] - flat[:, 1, 2], flat[:, 0, 2] - flat[:, 2, 0], flat[:, 1, 0] - flat[:, 0, 1]
    d, e, f = flat[:, 1, 0] + flat[:, 0, 1], flat[:, 0, 2] + flat[:, 2, 0], flat[:, 2, 1] + flat[:, 1, 2]
    candidates = np.stack(
        [
            np.stack([squared[:, 0], a, b, c], 1),
            np.stack([a, squared[:, 1], d, e], 1),
            np.stack([b, d, squared[:, 2], f], 1),
            np.stack([c, e, f, squared[:, 3]], 1),
        ],
        axis=1,
    )
    # Of the four equal solutions, take the one that divides by the largest term.
    q = candidates[np.arange(len(flat)), np.argmax(squared, axis=1)]
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    q *= np.where(q[:, :1] < 0, -1.0, 1.0)
    return q.reshape(*R.shape[:-2], 4)


def rotation_from_quaternion(q_wxyz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a quaternion wxyz (..., 4), of any length, into a rotation (..., 3, 3)."""
    q = np.asarray(q_wxyz, dtype=np.float64)
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return np.stack(rows, axis=-1).reshape(*q.shape[:-1], 3, 3)
