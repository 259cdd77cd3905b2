"""Two-view triangulation.

Lee and Civera, "Triangulation: Why Optimize?" (BMVC 2019): the inverse-depth weighted midpoint is
closed form, as accurate as the optimum over both views, and stays sound at low parallax.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import Transform, inverse, transform_points


def triangulate(
    T_cam0_cam1: Transform, rays0: NDArray[np.float64], rays1: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Intersect matching rays of two cameras, in the frame of camera 0.

    Args:
        T_cam0_cam1: (4, 4) pose of camera 1 in camera 0. Its translation sets the unit of depth.
        rays0: (N, 2) normalised image coordinates x/z, y/z in camera 0.
        rays1: (N, 2) the same points seen from camera 1.

    Returns:
        points_cam0: (N, 3). NaN where the rays do not meet in front of both cameras.
        parallax_rad: (N,) angle between the two rays, in [0, pi].
    """
    T_cam1_cam0 = inverse(T_cam0_cam1)
    t = T_cam1_cam0[:3, 3]
    f0 = unit_rays(rays0) @ T_cam1_cam0[:3, :3].T  # both rays in camera 1 from here on
    f1 = unit_rays(rays1)
    p = np.linalg.norm(np.cross(f0, f1), axis=1)
    q = np.linalg.norm(np.cross(f0, t), axis=1)
    r = np.linalg.norm(np.cross(f1, t), axis=1)
    parallax_rad = np.arctan2(p, (f0 * f1).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        depth0, depth1 = (r / p)[:, None], (q / p)[:, None]
        points_cam1 = (q / (q + r))[:, None] * (t + depth0 * (f0 + f1))  # eq. 10
        gap = _squared(t + depth0 * f0 - depth1 * f1)
        # Eq. 11: the rays must be closest with both depths positive.
        other = np.minimum(
            np.minimum(_squared(t + depth0 * f0 + depth1 * f1), _squared(t - depth0 * f0 - depth1 * f1)),
            _squared(t - depth0 * f0 + depth1 * f1),
        )
        points_cam0 = transform_points(T_cam0_cam1, points_cam1)
        sound = (gap < other) & np.isfinite(points_cam0).all(axis=1)
        sound &= (points_cam0[:, 2] > 0) & (points_cam1[:, 2] > 0)
    points_cam0[~sound] = np.nan
    return points_cam0, parallax_rad


def unit_rays(rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit direction vectors (N, 3) of normalised image coordinates (N, 2)."""
    directions = np.column_stack([rays, np.ones(len(rays))])
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def parallax_between(
    points_world: NDArray[np.float64], center0_world: NDArray[np.float64], center1_world: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Angle (N,) in rad at which points (N, 3) see the two camera centres (3,)."""
    a, b = points_world - center0_world, points_world - center1_world
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), (a * b).sum(axis=1))


def _squared(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return (vectors * vectors).sum(axis=1)
