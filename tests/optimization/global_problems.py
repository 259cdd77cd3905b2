"""Whole maps with known answers for bundle adjustment."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.optimization.bundle import BundleProblem
from vo_frontend.optimization.global_bundle import GlobalProblem

FOCAL_PX = 500.0
HUBER = 1.0 / FOCAL_PX


def make_drive(
    *, num_poses: int = 60, num_points: int = 3000, num_views: int = 6, noise_px: float = 0.0, seed: int = 0
) -> GlobalProblem:
    """A drive round a circle, from 60 poses on one and a half laps: half the points are seen on both."""
    rng = np.random.default_rng(seed)
    lap = max(40, num_poses * 2 // 3)
    angle = 2 * np.pi * np.arange(num_poses) / lap
    turns = se3.so3_exp(np.stack([0 * angle, angle, 0 * angle], axis=1))
    centres = np.stack([1 - np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
    T_world_cam = se3.from_rotation_translation(turns, 0.12 * lap * centres)
    first = rng.integers(0, num_poses - num_views + 1, num_points)
    pose = first[:, None] + np.arange(num_views)
    again = (first + lap + num_views <= num_poses) & (rng.random(num_points) < 0.5)
    pose[again, num_views // 2 :] += lap
    points_cam = rng.uniform((-8, -3, 12), (8, 3, 40), size=(num_points, 3))
    R, t = turns[first + num_views // 2], T_world_cam[first + num_views // 2, :3, 3]
    points_world = np.einsum("nij,nj->ni", R, points_cam) + t
    pose_index, point_index = pose.ravel(), np.repeat(np.arange(num_points), num_views)
    seen = se3.inverse(T_world_cam)[pose_index]
    points_seen = np.einsum("nij,nj->ni", seen[:, :3, :3], points_world[point_index]) + seen[:, :3, 3]
    assert (points_seen[:, 2] > 1).all()
    noise = noise_px / FOCAL_PX * rng.normal(size=(len(pose_index), 2))
    rays = points_seen[:, :2] / points_seen[:, 2:] + noise
    is_fixed = np.arange(num_poses) < 2
    return GlobalProblem(T_world_cam, is_fixed, points_world, pose_index, point_index, rays)


def with_depths(problem: GlobalProblem, sigma_per_m: float, seed: int = 1) -> GlobalProblem:
    """The problem with a noisy inverse depth at every second observation; the problem must be exact."""
    rng = np.random.default_rng(seed)
    seen = se3.inverse(problem.T_world_cam)[problem.pose_index]
    points = problem.points_world[problem.point_index]
    z = np.einsum("oj,oj->o", seen[:, 2, :3], points) + seen[:, 2, 3]
    inverse_depth = 1 / z + sigma_per_m * rng.normal(size=len(z))
    inverse_depth[::2] = np.nan
    return replace(
        problem, inverse_depth=inverse_depth, depth_weight=np.full(len(z), 0.5 / FOCAL_PX / sigma_per_m)
    )


def moved(problem: GlobalProblem, size: float, seed: int = 2) -> GlobalProblem:
    """The problem with its free poses and its points moved away."""
    rng = np.random.default_rng(seed)
    twists = size * rng.normal(size=(len(problem.T_world_cam), 6)) * (1, 1, 1, 0.05, 0.05, 0.05)
    twists[problem.is_fixed] = 0.0
    T_world_cam = problem.T_world_cam @ np.stack([se3.exp(twist) for twist in twists])
    points = problem.points_world + size * rng.normal(size=problem.points_world.shape)
    return replace(problem, T_world_cam=T_world_cam, points_world=points)


def reordered(problem: GlobalProblem, order: NDArray[np.int64]) -> GlobalProblem:
    """The problem with its observations in another order (O,)."""
    depths = problem.inverse_depth, problem.depth_weight
    inverse_depth, depth_weight = (None if depth is None else depth[order] for depth in depths)
    return replace(
        problem,
        pose_index=problem.pose_index[order],
        point_index=problem.point_index[order],
        rays=problem.rays[order],
        inverse_depth=inverse_depth,
        depth_weight=depth_weight,
    )


def as_window(problem: GlobalProblem) -> BundleProblem:
    """The same problem for the window adjustment; the fixed poses must be the first ones."""
    num_fixed = int(problem.is_fixed.sum())
    assert problem.is_fixed[:num_fixed].all()
    p = reordered(problem, np.lexsort((problem.pose_index, problem.point_index)))
    seen = p.pose_index, p.point_index, p.rays, p.inverse_depth, p.depth_weight
    return BundleProblem(p.T_world_cam, num_fixed, p.points_world, *seen)
