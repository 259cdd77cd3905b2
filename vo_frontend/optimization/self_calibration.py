"""The focal length from tracks alone: bundle adjustment in which the camera may change, too.

Hartley and Zisserman 2004, section 19.10: views of a rigid scene by one camera determine its focal length
unless the motion is degenerate, such as pure translation. What an adjustment says of its own certainty is far
too good there, so :func:`focal_spread` asks parts of the data and a richer lens instead.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera

Array = NDArray[np.float64]

HUBER_PX = 1.0
BEHIND_COST = 50.0  # of a point that would lie behind the camera that sees it
MAX_ITERATIONS, MAX_TRIALS = 40, 8
CONVERGED = 1e-7  # relative decrease of the cost
MAX_LOG_STEP = 0.3  # of the focal length per iteration
RIDGE = 1e-9  # relative: stands in for the free scale of the scene
OTHER_STARTS = (0.93, 1.08)  # factors of the focal length
FOCAL, LENS = 1, 4  # number of free intrinsics: focal length; also k1 and the principal point


@dataclass(frozen=True, slots=True)
class Views:
    """Points that a camera saw from several places."""

    T_world_cam: Array  # (K, 4, 4), as estimated with the given camera
    pixels: Array  # (K, M, 2) px, NaN where a point is not seen

    def part(self, views: slice, points: slice, min_views: int) -> "Views":
        """Return some of the views and of the points, those that ``min_views`` of these see."""
        pixels = self.pixels[views, points]
        seen = np.isfinite(pixels[..., 0]).sum(axis=0) >= min_views
        return Views(self.T_world_cam[views], pixels[:, seen])


@dataclass(frozen=True, slots=True)
class _State:
    intrinsics: Array  # (4,) log of the focal factor, k1, shift of the principal point in image widths
    T_cam_world: Array  # (K, 4, 4)
    points: Array  # (M, 3)


@dataclass(frozen=True, slots=True)
class _System:
    """Weighted residuals (K, M, 2) px and their Jacobians; all 0 where a point is not seen."""

    cost: float
    residual: Array
    J_pose: Array  # (K, M, 2, 6)
    J_point: Array  # (K, M, 2, 3)
    J_intrinsics: Array  # (K, M, 2, 4)


def fit_focal(camera: PinholeCamera, views: Views, num_intrinsics: int = FOCAL) -> float:
    """Adjust poses, points and intrinsics; return by which factor the focal length is longer than given.

    Levenberg-Marquardt with points eliminated, Huber's loss; the first pose is fixed.
    """
    state = _State(np.zeros(4), se3.inverse(views.T_world_cam), _nearest_to_rays(camera, views))
    system = _linearise(camera, state, views.pixels)
    damping = 1e-4
    for _ in range(MAX_ITERATIONS):
        before = system.cost
        normal = _NormalEquations(system, num_intrinsics)
        for _ in range(MAX_TRIALS):
            trial = _moved(state, *normal.solve(damping))
            trial_system = _linearise(camera, trial, views.pixels)
            if trial_system.cost < system.cost:
                state, system, damping = trial, trial_system, max(damping / 10, 1e-9)
                break
            damping *= 10
        if before - system.cost <= CONVERGED * before:
            break
    return float(np.exp(state.intrinsics[0]))


def focal_spread(camera: PinholeCamera, views: Views, factor: float, min_views: int) -> float:
    """Return how far other estimates lie from ``factor``, relative.

    From each half of the points, each half of the views, other starts, and with a richer lens. Where the
    motion determines the focal length, all agree; where it does not, they differ by far more than the noise
    of the pixels explains, or stay where they started.
    """
    everything, half = slice(None), len(views.T_world_cam) // 2
    parts = [
        views.part(everything, slice(0, None, 2), min_views),
        views.part(everything, slice(1, None, 2), min_views),
        views.part(slice(0, half), everything, min_views),
        views.part(slice(half, None), everything, min_views),
    ]
    factors = [fit_focal(camera, part) for part in parts] + [fit_focal(camera, views, LENS)]
    for start in OTHER_STARTS:
        other = replace(camera, fx=camera.fx * start, fy=camera.fy * start)
        factors.append(start * fit_focal(other, views))
    return float(np.abs(np.array(factors) / factor - 1).max())


def _nearest_to_rays(camera: PinholeCamera, views: Views) -> Array:
    """Return the points (M, 3) that are nearest to their rays, by least squares."""
    seen = np.isfinite(views.pixels[..., 0])
    rays = np.where(seen[..., None], (views.pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy), 0.0)
    rays = np.concatenate([rays, np.ones((*seen.shape, 1))], axis=-1)
    directions = rays @ np.swapaxes(views.T_world_cam[:, :3, :3], 1, 2)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    across = (np.eye(3) - directions[..., :, None] * directions[..., None, :]) * seen[..., None, None]
    right = np.einsum("kmij,kj->mi", across, views.T_world_cam[:, :3, 3])
    return np.asarray(np.linalg.solve(across.sum(axis=0) + 1e-12 * np.eye(3), right[..., None])[..., 0])


def _linearise(camera: PinholeCamera, state: _State, pixels: Array) -> _System:
    log_factor, k1, *shift = state.intrinsics
    focal = np.array([camera.fx, camera.fy]) * np.exp(log_factor)
    centre = np.array([camera.cx, camera.cy]) + np.array(shift) * camera.width
    R_cam_world = state.T_cam_world[:, :3, :3]
    points_cam = state.points @ np.swapaxes(R_cam_world, 1, 2) + state.T_cam_world[:, None, :3, 3]
    in_front = points_cam[..., 2] > 1e-6
    z = np.where(in_front, points_cam[..., 2], 1.0)
    rays = points_cam[..., :2] / z[..., None]
    radius2 = (rays**2).sum(axis=-1)
    bent = rays * (1 + k1 * radius2)[..., None]
    residual = pixels - bent * focal - centre
    length_px = np.linalg.norm(residual, axis=-1)
    seen = np.isfinite(length_px)
    weight = np.where(in_front & seen, HUBER_PX / np.fmax(length_px, HUBER_PX), 0.0)

    J_ray = 2 * k1 * rays[..., :, None] * rays[..., None, :] + (1 + k1 * radius2)[..., None, None] * np.eye(2)
    J_cam = np.zeros((*z.shape, 2, 3))
    J_cam[..., [0, 1], [0, 1]] = 1 / z[..., None]
    J_cam[..., 2] = -rays / z[..., None]
    J_cam = focal[:, None] * (J_ray @ J_cam)
    J_pose = np.concatenate([J_cam, -J_cam @ se3.hat(points_cam)], axis=-1)
    J_intrinsics = np.zeros((*z.shape, 2, 4))
    J_intrinsics[..., 0] = focal * bent
    J_intrinsics[..., 1] = focal * rays * radius2[..., None]
    J_intrinsics[..., [0, 1], [2, 3]] = camera.width
    root = np.sqrt(weight)[..., None]
    loss = np.where(length_px < HUBER_PX, 0.5 * length_px**2, HUBER_PX * (length_px - 0.5 * HUBER_PX))
    cost = float(loss[weight > 0].sum()) + BEHIND_COST * int((seen & ~in_front).sum())
    residual = np.where(weight[..., None] > 0, residual * root, 0.0)
    jacobians = (J * root[..., None] for J in (J_pose, J_cam @ R_cam_world[:, None], J_intrinsics))
    return _System(cost, residual, *jacobians)


def _moved(state: _State, twists: Array, points: Array, intrinsics: Array) -> _State:
    change = intrinsics.copy()
    change[0] = np.clip(change[0], -MAX_LOG_STEP, MAX_LOG_STEP)
    T_cam_world = np.stack([se3.exp(twist) @ T for twist, T in zip(twists, state.T_cam_world, strict=True)])
    return replace(
        state,
        intrinsics=state.intrinsics + change,
        T_cam_world=T_cam_world,
        points=state.points + points,
    )


class _NormalEquations:
    """The quadratic model of the cost, from which points can be eliminated for any damping."""

    def __init__(self, system: _System, num_intrinsics: int) -> None:
        J_pose, J_point, residual = system.J_pose, system.J_point, system.residual
        J_rest = system.J_intrinsics[..., :num_intrinsics]
        num_poses, num_points = residual.shape[:2]
        size = 6 * num_poses
        self._num_intrinsics, self._num_poses = num_intrinsics, num_poses
        self._A = np.zeros((size + num_intrinsics, size + num_intrinsics))
        for k in range(num_poses):
            block = slice(6 * k, 6 * k + 6)
            self._A[block, block] = np.einsum("mia,mib->ab", J_pose[k], J_pose[k])
        cross = np.einsum("kmia,kmib->kab", J_pose, J_rest, optimize=True).reshape(size, num_intrinsics)
        self._A[:size, size:], self._A[size:, :size] = cross, cross.T
        self._A[size:, size:] = np.einsum("kmia,kmib->ab", J_rest, J_rest, optimize=True)
        by_pose = np.einsum("kmia,kmi->ka", J_pose, residual, optimize=True).ravel()
        self._b = np.append(by_pose, np.einsum("kmia,kmi->a", J_rest, residual, optimize=True))
        self._V = np.einsum("kmia,kmib->mab", J_point, J_point, optimize=True)
        self._b_point = np.einsum("kmia,kmi->ma", J_point, residual, optimize=True)
        W_pose = np.einsum("kmia,kmib->makb", J_point, J_pose, optimize=True).reshape(num_points, 3, size)
        W_rest = np.einsum("kmia,kmib->mab", J_point, J_rest, optimize=True)
        self._W = np.concatenate([W_pose, W_rest], axis=-1)

    def solve(self, damping: float) -> tuple[Array, Array, Array]:
        """Return the step of poses (K, 6), points (M, 3) and all four intrinsics (4,)."""
        trace = np.trace(self._V, axis1=1, axis2=2)[:, None, None]
        V = self._V + ((damping + RIDGE) * trace + 1e-12) * np.eye(3)
        VW = np.linalg.solve(V, self._W)
        Vb = np.linalg.solve(V, self._b_point[..., None])[..., 0]
        flat = self._W.reshape(-1, self._W.shape[-1])
        H = self._A - flat.T @ VW.reshape(flat.shape)
        b = self._b - flat.T @ Vb.ravel()
        H += np.diag(damping * np.diag(self._A) + RIDGE * np.trace(H) / len(H))
        step = np.zeros(len(H))
        step[6:] = np.linalg.solve(H[6:, 6:], b[6:])  # the first pose stays
        intrinsics = np.zeros(4)
        intrinsics[: self._num_intrinsics] = step[6 * self._num_poses :]
        return step[: 6 * self._num_poses].reshape(-1, 6), Vb - VW @ step, intrinsics
