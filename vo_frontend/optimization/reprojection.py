"""Reprojection errors: residuals of an observation, their robust cost and its curvature.

Numba kernels, shared by bundle adjustment and pose refinement. An observation is a row of four numbers,
see :func:`measurements`. Its residuals, all in ray units (normalised image coordinates):

    r_x = x/z - ray_x,  r_y = y/z - ray_y,  r_d = depth_weight * (1/z - inverse_depth)

The cost of an observation is huber(|(r_x, r_y)|) + huber(|r_d|), two terms on purpose: at an occlusion
edge a stereo match or a depth camera picks the wrong surface while the pixel is right. One Huber norm
over all three (ORB-SLAM2) would take the weight of the good pixel along with that of the wrong depth.

Derivatives are taken with respect to the point p in the camera frame. The rest is linear: the point in the
world enters through R_cam_world, the pose through ``[I, -hat(p)]`` for a perturbation
``T_cam_world <- exp([rho, phi]) T_cam_world``.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import inlined

Array = NDArray[np.float64]

NEAREST_Z = 1e-6  # closer points count as behind the camera
BEHIND = 1e3  # residual of a point behind the camera: large, so that steps which put points there are refused
# The ray residual has two degrees of freedom, the depth one: Huber widths at the same quantile (95 %).
DEPTH_HUBER = np.sqrt(3.841 / 5.991)


def measurements(rays: Array, inverse_depth: Array | None = None, depth_weight: Array | None = None) -> Array:
    """Lay out observations as the kernels read them.

    Args:
        rays: (O, 2) observed, normalised image coordinates.
        inverse_depth: (O,) measured 1/z in the camera, per unit of the world; None without depth.
        depth_weight: (O,) standard deviation of a ray over that of the inverse depth; 0 or NaN where the
            depth is unknown. None without depth.

    Returns:
        (O, 4) float64: ray x, ray y, inverse depth, depth weight; the latter two 0 where unknown.

    Raises:
        ValueError: one of the two depth arrays is missing, or a shape is wrong.
    """
    measured = np.zeros((len(rays), 4))
    measured[:, :2] = rays
    if inverse_depth is None and depth_weight is None:
        return measured
    if inverse_depth is None or depth_weight is None:
        raise ValueError("inverse_depth and depth_weight belong together, got only one of them")
    if not inverse_depth.shape == depth_weight.shape == (len(rays),):
        raise ValueError(
            f"inverse_depth and depth_weight must be ({len(rays)},) like the rays, "
            f"got {inverse_depth.shape} and {depth_weight.shape}"
        )
    known = np.isfinite(inverse_depth) & (depth_weight > 0)
    measured[known, 2] = inverse_depth[known]
    measured[known, 3] = depth_weight[known]
    return measured


@inlined
def in_camera(T_cam_world: Array, k: int, points_world: Array, m: int) -> tuple[float, float, float]:
    """Return point m in camera k.

    Takes whole arrays and indices, because a view costs more than the arithmetic.

    Args:
        T_cam_world: (K, 4, 4) float64.
        k: index of the camera.
        points_world: (M, 3) float64.
        m: index of the point.
    """
    T, p = T_cam_world, points_world
    return (
        T[k, 0, 0] * p[m, 0] + T[k, 0, 1] * p[m, 1] + T[k, 0, 2] * p[m, 2] + T[k, 0, 3],
        T[k, 1, 0] * p[m, 0] + T[k, 1, 1] * p[m, 1] + T[k, 1, 2] * p[m, 2] + T[k, 1, 3],
        T[k, 2, 0] * p[m, 0] + T[k, 2, 1] * p[m, 1] + T[k, 2, 2] * p[m, 2] + T[k, 2, 3],
    )


@inlined
def residual(x: float, y: float, z: float, measured: Array, o: int) -> tuple[float, float, float]:
    """Return r_x, r_y, r_d of a point in the camera frame, observed as row o of ``measured`` (O, 4)."""
    if z <= NEAREST_Z:
        return BEHIND, BEHIND, 0.0
    iz = 1.0 / z
    return x * iz - measured[o, 0], y * iz - measured[o, 1], measured[o, 3] * (iz - measured[o, 2])


@inlined
def robust_cost(rx: float, ry: float, rd: float, huber: float) -> float:
    """Return the Huber cost of the residuals of one observation; ``huber`` in ray units."""
    ray_cost = _huber_cost(np.sqrt(rx * rx + ry * ry), huber)
    return ray_cost + _huber_cost(abs(rd), DEPTH_HUBER * huber)


@inlined
def _huber_cost(e: float, huber: float) -> float:
    return 0.5 * e * e if e <= huber else huber * (e - 0.5 * huber)


@inlined
def curvature(
    x: float, y: float, z: float, measured: Array, o: int, huber: float
) -> tuple[float, float, float, float, float, float, float]:
    """Return gradient and Gauss-Newton curvature of one observation's cost by the point in the camera frame.

    The Jacobian of the residuals is J = [[1/z, 0, -u/z], [0, 1/z, -v/z], [0, 0, -depth_weight/z^2]]
    with (u, v) = (x, y)/z; the curvature is C = J' W J, the gradient b = J' W r.

    Args:
        x, y, z: the point in the camera frame.
        measured: (O, 4) float64, see :func:`measurements`.
        o: row of the observation.
        huber: in ray units.

    Returns:
        b0, b1, b2, C00 (= C11), C02, C12, C22; C01 is zero. All zero behind the camera.
    """
    rx, ry, rd = residual(x, y, z, measured, o)
    if z <= NEAREST_Z:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    iz = 1.0 / z
    u, v, jd = x * iz, y * iz, -measured[o, 3] * iz * iz
    e, ed = np.sqrt(rx * rx + ry * ry), abs(rd)
    w = iz if e <= huber else iz * huber / e
    wd = jd if ed <= DEPTH_HUBER * huber else jd * DEPTH_HUBER * huber / ed
    c = w * iz
    return w * rx, w * ry, -w * (u * rx + v * ry) + wd * rd, c, -c * u, -c * v, c * (u * u + v * v) + wd * jd


@inlined
def add_pose_curvature(
    first: int,
    x: float,
    y: float,
    z: float,
    C: tuple[float, float, float, float, float, float, float],
    H: Array,
    g: Array,
) -> None:
    """Add the curvature and the negative gradient of one observation to those of a pose.

    Args:
        first: first row of the pose in H and g.
        x, y, z: the point p in the camera frame.
        C: gradient b and curvature C by p, as :func:`curvature` returns them.
        H: (..., 6) float64; L C L' is added to rows ``first`` to ``first + 5``, with L = [I; hat(p)].
        g: float64; -L b is added to the same rows.
    """
    b0, b1, b2, c00, c02, c12, c22 = C
    g[first] -= b0
    g[first + 1] -= b1
    g[first + 2] -= b2
    g[first + 3] -= y * b2 - z * b1
    g[first + 4] -= z * b0 - x * b2
    g[first + 5] -= x * b1 - y * b0
    # The rows of L C, each multiplied by L' = [I, -hat(p)], which appends p x row.
    _add_row(H, first, x, y, z, c00, 0.0, c02)
    _add_row(H, first + 1, x, y, z, 0.0, c00, c12)
    _add_row(H, first + 2, x, y, z, c02, c12, c22)
    _add_row(H, first + 3, x, y, z, y * c02, y * c12 - z * c00, y * c22 - z * c12)
    _add_row(H, first + 4, x, y, z, z * c00 - x * c02, -x * c12, z * c02 - x * c22)
    _add_row(H, first + 5, x, y, z, -y * c00, x * c00, x * c12 - y * c02)


@inlined
def _add_row(H: Array, row: int, x: float, y: float, z: float, r0: float, r1: float, r2: float) -> None:
    """Add [r, p x r] to a row of H (..., 6)."""
    H[row, 0] += r0
    H[row, 1] += r1
    H[row, 2] += r2
    H[row, 3] += y * r2 - z * r1
    H[row, 4] += z * r0 - x * r2
    H[row, 5] += x * r1 - y * r0
