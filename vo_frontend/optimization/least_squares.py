"""Numba kernels that the Levenberg-Marquardt solvers share: solve a symmetric system, move a pose."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import kernel

Array = NDArray[np.float64]


@kernel
def solve_positive_definite(H: Array, b: Array) -> bool:
    """Solve H x = b by Cholesky, in place.

    LAPACK would need SciPy here, and takes longer for matrices of this size.

    Args:
        H: (N, N) float64, overwritten; only the upper triangle is read.
        b: (N,) float64, overwritten with x.

    Returns:
        False if H is not positive definite or not finite; b is then meaningless.
    """
    n = len(b)
    for i in range(n):
        pivot = H[i, i]
        if not (pivot > 0.0 and pivot < np.inf):
            return False
        scale = 1.0 / np.sqrt(pivot)
        for j in range(i, n):
            H[i, j] *= scale
        b[i] *= scale
        for r in range(i + 1, n):  # right-looking: the inner loop runs along a row
            factor = H[i, r]
            b[r] -= factor * b[i]
            for j in range(r, n):
                H[r, j] -= factor * H[i, j]
    for i in range(n - 1, -1, -1):
        total = b[i]
        for j in range(i + 1, n):
            total -= H[i, j] * b[j]
        b[i] = total / H[i, i]
    return True


@kernel
def move_pose(T_cam_world: Array, k: int, twist: Array, first: int, moved: Array) -> None:
    """Write exp([rho, phi]) T_cam_world[k] to ``moved[k]``, exact in phi and to first order in rho.

    Args:
        T_cam_world: (K, 4, 4) float64.
        k: index of the pose.
        twist: float64, [rho, phi] at ``twist[first : first + 6]``.
        first: index of the first entry of the twist.
        moved: (K, 4, 4) float64, row k is written.
    """
    T = T_cam_world
    px, py, pz = twist[first + 3], twist[first + 4], twist[first + 5]
    squared = px * px + py * py + pz * pz
    angle = np.sqrt(squared)
    a, b = 1.0 - squared / 6.0, 0.5 - squared / 24.0
    if angle > 1e-4:
        a, b = np.sin(angle) / angle, (1.0 - np.cos(angle)) / squared
    for j in range(4):  # p <- p + a phi x p + b phi x (phi x p), column by column
        x, y, z = T[k, 0, j], T[k, 1, j], T[k, 2, j]
        cx, cy, cz = py * z - pz * y, pz * x - px * z, px * y - py * x
        moved[k, 0, j] = x + a * cx + b * (py * cz - pz * cy)
        moved[k, 1, j] = y + a * cy + b * (pz * cx - px * cz)
        moved[k, 2, j] = z + a * cz + b * (px * cy - py * cx)
        moved[k, 3, j] = T[k, 3, j]
    for i in range(3):
        moved[k, i, 3] += twist[first + i]
