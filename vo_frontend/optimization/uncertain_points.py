"""Pose of one camera among points that are themselves known with limited accuracy only.

A point whose depth comes from little parallax is exact across the rays that saw it and vague along them. Seen
from elsewhere, the vague direction shows; so each observation is weighed by what the point's own covariance
adds to that of the pixel, at the pose of the moment.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

Array = NDArray[np.float64]

HUBER = 2.0  # standard deviations, beyond which residuals count linearly
TOLERANCE = 1e-9  # of the twist of a step that ends it


@dataclass(frozen=True, slots=True, eq=False)
class UncertainPose:
    """A pose, how exactly it is known, and how well each of N observations agrees with it."""

    T_world_cam: Transform  # (4, 4)
    covariance: Array  # (6, 6) of [rho, phi], which moves the camera in its own frame: map units, rad
    deviations: Array  # (N,) residuals in standard deviations, infinite behind the camera


def refine_among_uncertain(
    T_world_cam: Transform,
    points_world: Array,
    covariances: Array,
    rays: Array,
    *,
    ray_sigma: float,
    max_iterations: int,
) -> UncertainPose:
    """Minimise the robust, weighted reprojection error of points over the pose, by Gauss-Newton from a guess.

    Args:
        T_world_cam: (4, 4) the guess.
        points_world: (N, 3) in map units, N >= 3.
        covariances: (N, 3, 3) of the points, in squared map units.
        rays: (N, 2) observed, normalised image coordinates.
        ray_sigma: standard deviation of a ray.
        max_iterations: at most.

    Returns:
        The pose, and its covariance from the normal equations, larger where the residuals of what agrees are
        larger than the deviations that were given.
    """
    T_cam_world = se3.inverse(T_world_cam)
    for _ in range(max_iterations):
        J, W, r, deviations = _weighted(T_cam_world, points_world, covariances, rays, ray_sigma)
        H, g = _normal_equations(J, W, r, deviations)
        step = np.linalg.solve(H, -g)
        T_cam_world = np.asarray(se3.exp(np.asarray(step, np.float64)) @ T_cam_world)
        if np.abs(step).max() < TOLERANCE:
            break
    J, W, r, deviations = _weighted(T_cam_world, points_world, covariances, rays, ray_sigma)
    H, _ = _normal_equations(J, W, r, deviations)
    agreeing = deviations[deviations < 2 * HUBER]
    variance = float((agreeing**2).sum()) / max(2 * len(agreeing) - 6, 1)
    covariance = np.asarray(np.linalg.inv(H) * max(variance, 1.0), np.float64)
    return UncertainPose(se3.inverse(T_cam_world), covariance, deviations)


def ray_jacobians(points_cam: Array) -> Array:
    """Differentiate x/z and y/z by points (N, 3) of the camera frame: (N, 2, 3)."""
    inverse_z = 1.0 / points_cam[:, 2]
    J = np.zeros((len(points_cam), 2, 3))
    J[:, 0, 0] = J[:, 1, 1] = inverse_z
    J[:, :, 2] = -points_cam[:, :2] * inverse_z[:, None] ** 2
    return J


def _weighted(
    T_cam_world: Transform, points_world: Array, covariances: Array, rays: Array, ray_sigma: float
) -> tuple[Array, Array, Array, Array]:
    """Return Jacobians by the pose (N, 2, 6), weights (N, 2, 2), residuals (N, 2) and deviations (N,)."""
    points_cam = se3.transform_points(T_cam_world, points_world)
    is_ahead = points_cam[:, 2] > 1e-9
    points_cam = np.where(is_ahead[:, None], points_cam, [0.0, 0.0, 1.0])
    by_point = ray_jacobians(points_cam)
    by_world = by_point @ T_cam_world[:3, :3]
    spread = by_world @ covariances @ by_world.swapaxes(1, 2) + ray_sigma**2 * np.eye(2)
    W = np.asarray(np.linalg.inv(spread) * is_ahead[:, None, None], np.float64)
    r = points_cam[:, :2] / points_cam[:, 2:] - rays
    J = np.concatenate([by_point, -by_point @ se3.hat(points_cam)], axis=2)
    deviations = np.where(is_ahead, np.sqrt(np.einsum("ni,nij,nj->n", r, W, r)), np.inf)
    return J, W, r, deviations


def _normal_equations(J: Array, W: Array, r: Array, deviations: Array) -> tuple[Array, Array]:
    robust = np.minimum(1.0, HUBER / np.maximum(deviations, 1e-12))
    JW = J.swapaxes(1, 2) @ (W * robust[:, None, None])
    return (JW @ J).sum(axis=0) + 1e-12 * np.eye(6), np.einsum("nij,nj->i", JW, r)
