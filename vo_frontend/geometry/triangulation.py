"""Two-view triangulation.

Lee and Civera, "Triangulation: Why Optimize?" (BMVC 2019): the inverse-depth weighted midpoint has a
closed form, is as accurate as the optimum over both views, and stays sound at low parallax.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import called_with, kernel
from vo_frontend.geometry.se3 import Transform, inverse

Array = NDArray[np.float64]


def triangulate(T_cam0_cam1: Transform, rays0: Array, rays1: Array) -> tuple[Array, Array]:
    """Intersect matching rays of two cameras.

    Args:
        T_cam0_cam1: (4, 4) pose of camera 1 in camera 0. Its translation sets the unit of depth.
        rays0: (N, 2) normalised image coordinates x/z, y/z in camera 0.
        rays1: (N, 2) the same points seen from camera 1.

    Returns:
        points_cam0: (N, 3) in the frame of camera 0; NaN where the rays do not meet in front of both.
        parallax_rad: (N,) angle between the two rays, in [0, pi].
    """
    T_cam1_cam0 = np.ascontiguousarray(inverse(T_cam0_cam1))
    points_cam0, parallax_rad = np.full((len(rays0), 3), np.nan), np.zeros(len(rays0))
    _intersect(T_cam1_cam0, np.ascontiguousarray(T_cam0_cam1), rays0, rays1, points_cam0, parallax_rad)
    return points_cam0, parallax_rad


@called_with("(f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[::1])")
@kernel
def _intersect(
    T_cam1_cam0: Array,
    T_cam0_cam1: Array,
    rays0: Array,
    rays1: Array,
    points_cam0: Array,
    parallax_rad: Array,
) -> None:
    """Write the points whose rays meet, and all parallaxes. Works in camera 1.

    Args:
        T_cam1_cam0: (4, 4) float64.
        T_cam0_cam1: (4, 4) float64, its inverse.
        rays0: (N, 2) float64, normalised image coordinates in camera 0.
        rays1: (N, 2) float64 in camera 1.
        points_cam0: (N, 3) float64 of NaN, written where the rays meet.
        parallax_rad: (N,) float64, written.
    """
    R, t = T_cam1_cam0[:3, :3], T_cam1_cam0[:3, 3]
    f0, f1, point = np.empty(3), np.empty(3), np.empty(3)
    for i in range(len(rays0)):
        length0 = np.sqrt(rays0[i, 0] ** 2 + rays0[i, 1] ** 2 + 1.0)
        length1 = np.sqrt(rays1[i, 0] ** 2 + rays1[i, 1] ** 2 + 1.0)
        for a in range(3):
            f0[a] = (R[a, 0] * rays0[i, 0] + R[a, 1] * rays0[i, 1] + R[a, 2]) / length0
        f1[0], f1[1], f1[2] = rays1[i, 0] / length1, rays1[i, 1] / length1, 1.0 / length1
        p, q, r = _cross_length(f0, f1), _cross_length(f0, t), _cross_length(f1, t)
        parallax_rad[i] = np.arctan2(p, f0[0] * f1[0] + f0[1] * f1[1] + f0[2] * f1[2])
        depth0, depth1 = r / p, q / p
        gap = _gap(t, f0, f1, depth0, depth1)
        # Eq. 11: the rays must be closest with both depths positive.
        if not (
            gap < _gap(t, f0, f1, depth0, -depth1)
            and gap < _gap(t, f0, f1, -depth0, depth1)
            and gap < _gap(t, f0, f1, -depth0, -depth1)
        ):
            continue
        for a in range(3):
            point[a] = q / (q + r) * (t[a] + depth0 * (f0[a] + f1[a]))  # eq. 10
        z0 = T_cam0_cam1[2, 0] * point[0] + T_cam0_cam1[2, 1] * point[1] + T_cam0_cam1[2, 2] * point[2]
        if not (point[2] > 0.0 and 0.0 < z0 + T_cam0_cam1[2, 3] < np.inf):
            continue
        for a in range(3):
            points_cam0[i, a] = T_cam0_cam1[a, 3]
            for b in range(3):
                points_cam0[i, a] += T_cam0_cam1[a, b] * point[b]


@kernel
def _cross_length(a: Array, b: Array) -> float:
    """Return the length of the cross product of a (3,) and b (3,)."""
    x, y, z = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    return float(np.sqrt(x * x + y * y + z * z))


@kernel
def _gap(t: Array, f0: Array, f1: Array, depth0: float, depth1: float) -> float:
    """Return the squared distance of two points: on ray f0 (3,) from t (3,), and on ray f1 (3,) from 0."""
    total = 0.0
    for a in range(3):
        total += (t[a] + depth0 * f0[a] - depth1 * f1[a]) ** 2
    return total
