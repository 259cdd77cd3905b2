"""Windows with known answers for bundle adjustment."""

from dataclasses import replace

import numpy as np
from world import CAMERA, make_world, sideways

from vo_frontend.geometry import se3
from vo_frontend.optimization.bundle import BundleProblem

HUBER = 1.0 / CAMERA.focal_px


def make_problem(
    *,
    noise_px: float = 0.0,
    depth_noise_per_m: float | None = None,
    num_poses: int = 5,
    num_points: int = 80,
    num_fixed: int = 2,
    seed: int = 3,
    step: float = 0.15,
) -> tuple[BundleProblem, np.random.Generator]:
    """Poses and their points, observed with noise; with depth where its noise is given (0: exact)."""
    world, T_world_cam = make_world(num_points=num_points), sideways(num_poses, step)
    rng = np.random.default_rng(seed)
    pose_index, point_index, rays = [], [], []
    for k, T in enumerate(T_world_cam):
        pixels, index = world.visible(T)
        pose_index.append(np.full(len(index), k))
        point_index.append(index)
        rays.append(CAMERA.rays(pixels + noise_px * rng.normal(size=pixels.shape)))
    points, poses = np.concatenate(point_index), np.concatenate(pose_index)
    order = np.argsort(points, kind="stable")
    seen, compact = np.unique(points[order], return_inverse=True)
    problem = BundleProblem(
        T_world_cam, num_fixed, world.points_world[seen], poses[order], compact, np.concatenate(rays)[order]
    )
    if depth_noise_per_m is None:
        return problem, rng
    depth = np.array(
        [
            se3.transform_points(se3.inverse(T_world_cam[k]), problem.points_world[m : m + 1])[0, 2]
            for k, m in zip(problem.pose_index, problem.point_index, strict=True)
        ]
    )
    inverse_depth = 1.0 / depth + depth_noise_per_m * rng.normal(size=len(depth))
    weight = np.full(len(depth), HUBER / max(depth_noise_per_m, 1e-3))
    return replace(problem, inverse_depth=inverse_depth, depth_weight=weight), rng


def disturbed(problem: BundleProblem, rng: np.random.Generator, size: float) -> BundleProblem:
    """The problem with its free poses and points moved away."""
    T_world_cam = problem.T_world_cam.copy()
    for k in range(problem.num_fixed, len(T_world_cam)):
        T_world_cam[k] = T_world_cam[k] @ se3.exp(size * rng.normal(size=6))
    points = problem.points_world + size * rng.normal(size=problem.points_world.shape)
    return replace(problem, T_world_cam=T_world_cam, points_world=points)


def rescaled(problem: BundleProblem, scale: float) -> BundleProblem:
    """The problem as a start of another scale would give it; the fixed poses must be at the origin."""
    T_world_cam = problem.T_world_cam.copy()
    T_world_cam[:, :3, 3] *= scale
    return replace(problem, T_world_cam=T_world_cam, points_world=scale * problem.points_world)
