"""Warns once if the residuals of the local map contradict the calibration.

Wrong intrinsics hardly raise the residuals: poses and points bend until almost everything fits. What remains
is a slope: the residuals would fall if the intrinsics could move too. One Gauss-Newton step of bundle
adjustment with free intrinsics, all else eliminated, says how far they would move and how surely (Rao's score
test; self-calibration by bundle adjustment, Hartley and Zisserman 19.10).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.keyframe import Keyframe
from vo_frontend.mapping.sparse_map import SparseMap

log = logging.getLogger(__name__)

MAX_LANDMARKS = 200  # those with most views, which say most; bounds the cost
MIN_LANDMARKS = 50
MIN_VIEWS = 3  # two views of a point say nothing about the intrinsics
WINDOW_KEYFRAMES = 10
HUBER_PX = 1.0
MIN_WINDOWS, MAX_WINDOWS = 3, 12  # before a verdict, and after which the check ends
# A right calibration leaves more than noise, too: rolling shutter, residual distortion, outliers. So noise
# counts as larger than it is, and every window adds an error of its own, in the units of IntrinsicsStep.
NOISE_FACTOR = 2.0
MODEL_ERROR = np.array([0.03, 0.02, 0.02])
# A calibration is wrong, rather than inexact, if it is off by more than this, by NUM_SIGMAS.
LIMIT = np.array([0.05, 0.03, 0.06])
NUM_SIGMAS = 3.0
MAX_STATED = 0.3  # change of the focal length that one Gauss-Newton step can tell


@dataclass(frozen=True, slots=True)
class IntrinsicsStep:
    """Says how the intrinsics would move: focal length (relative), principal point x and y (image widths)."""

    step: NDArray[np.float64]  # (3,)
    covariance: NDArray[np.float64]  # (3, 3) of the step, from the noise of the residuals


class CalibrationCheck:
    """Collects evidence from windows that share no keyframe, and warns at most once."""

    def __init__(self, camera: PinholeCamera) -> None:
        self._camera = camera
        self._information = np.zeros((3, 3))
        self._weighted_steps = np.zeros(3)
        self._num_windows = 0
        self._last_frame_index = -1
        self.warning: str | None = None

    def look_at(self, sparse_map: SparseMap) -> None:
        """Examine the map after a new keyframe; do nothing until WINDOW_KEYFRAMES of them are new."""
        if self.warning is not None or self._num_windows >= MAX_WINDOWS:
            return
        new = [k for k in sparse_map.keyframes if k.view.frame_index > self._last_frame_index]
        if len(new) < WINDOW_KEYFRAMES:
            return
        self._last_frame_index = new[-1].view.frame_index
        landmarks = sparse_map.landmarks
        T_world_cam = np.array([keyframe.T_world_cam for keyframe in new])
        pixels = _observed_pixels(new, landmarks.ids)
        found = intrinsics_step(self._camera, T_world_cam, landmarks.points_world, pixels)
        if found is not None:
            self._add(found)

    def _add(self, found: IntrinsicsStep) -> None:
        """Add the evidence of one window; set and log the warning if it suffices."""
        information = np.linalg.inv(NOISE_FACTOR**2 * found.covariance + np.diag(MODEL_ERROR**2))
        self._information += information
        self._weighted_steps += information @ found.step
        self._num_windows += 1
        if self._num_windows < MIN_WINDOWS:
            return
        covariance = np.linalg.inv(self._information)
        step, sigma = covariance @ self._weighted_steps, np.sqrt(np.diag(covariance))
        if (np.abs(step) - NUM_SIGMAS * sigma > LIMIT).any():
            self.warning = self._explain(step)
            log.warning("%s", self.warning)

    def _explain(self, step: NDArray[np.float64]) -> str:
        """Turn a step (3,) into the warning."""
        camera = self._camera
        shift_px = step[1:] * camera.width
        # One step from far away says where to go, not how far.
        change = f"{abs(step[0]):.0%}" if abs(step[0]) < MAX_STATED else f"{MAX_STATED:.0%} or more"
        return (
            f"the calibration may be wrong: the map would fit better with a focal length "
            f"{change} {'longer' if step[0] > 0 else 'shorter'} than {camera.focal_px:.0f} px and "
            f"the principal point moved by ({shift_px[0]:+.0f}, {shift_px[1]:+.0f}) px; check intrinsics and "
            "distortion, and that they belong to this camera and resolution"
        )


def intrinsics_step(
    camera: PinholeCamera,
    T_world_cam: NDArray[np.float64],
    points_world: NDArray[np.float64],
    pixels: NDArray[np.float64],
) -> IntrinsicsStep | None:
    """Compute a Gauss-Newton step of the intrinsics with all poses and points free; None for too few points.

    Args:
        camera: the calibration in doubt.
        T_world_cam: (K, 4, 4); the first is fixed.
        points_world: (M, 3) in map units.
        pixels: (K, M, 2) px of each point in each camera, NaN where it is not seen.
    """
    points_world, pixels = _most_seen(points_world, pixels)
    num_poses, num_points = pixels.shape[:2]
    if num_points < MIN_LANDMARKS:
        return None
    residual, weight, J_pose, J_point, J_intrinsics = _linearise(camera, T_world_cam, points_world, pixels)
    rest = np.concatenate([J_intrinsics, residual[..., None]], axis=-1)  # (K, M, 2, 4)

    # The first pose is fixed; a little damping stands in for the free scale. Then eliminate the poses.
    A, size = _eliminate_points(J_pose, J_point, rest)[6:, 6:], 6 * (num_poses - 1)
    poses = A[:size, :size] + 1e-8 * np.trace(A[:size, :size]) / size * np.eye(size)
    A = A[size:, size:] - A[size:, :size] @ np.linalg.solve(poses, A[:size, size:])
    freedom = 2 * int((weight > 0).sum()) - 3 * num_points - size - 3
    inverse = np.linalg.pinv(A[:3, :3], hermitian=True)
    return IntrinsicsStep(inverse @ A[:3, 3], inverse * (float((residual**2).sum()) / max(freedom, 1)))


def _eliminate_points(
    J_pose: NDArray[np.float64], J_point: NDArray[np.float64], rest: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Build the normal equations (6 K + n, 6 K + n) of poses and rest, and eliminate the points from them.

    Args:
        J_pose: (K, M, 2, 6) weighted Jacobians by pose.
        J_point: (K, M, 2, 3) by point.
        rest: (K, M, 2, n) all other columns: intrinsics and right side.
    """
    num_poses, num_points, _, num_rest = rest.shape
    size = 6 * num_poses
    A = np.zeros((size + num_rest, size + num_rest))
    for k in range(num_poses):
        block = slice(6 * k, 6 * k + 6)
        A[block, block] = np.einsum("mia,mib->ab", J_pose[k], J_pose[k])
    A[:size, size:] = np.einsum("kmia,kmib->kab", J_pose, rest, optimize=True).reshape(size, num_rest)
    A[size:, :size] = A[:size, size:].T
    A[size:, size:] = np.einsum("kmia,kmib->ab", rest, rest, optimize=True)
    V = np.einsum("kmia,kmib->mab", J_point, J_point, optimize=True)
    V += 1e-9 * np.trace(V, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    W_pose = np.einsum("kmia,kmib->makb", J_point, J_pose, optimize=True).reshape(num_points, 3, size)
    W = np.concatenate([W_pose, np.einsum("kmia,kmib->mab", J_point, rest, optimize=True)], axis=-1)
    A -= W.reshape(3 * num_points, -1).T @ np.linalg.solve(V, W).reshape(3 * num_points, -1)
    return A


def _linearise(
    camera: PinholeCamera,
    T_world_cam: NDArray[np.float64],
    points_world: NDArray[np.float64],
    pixels: NDArray[np.float64],
) -> tuple[NDArray[np.float64], ...]:
    """Linearise the reprojection of points (M, 3) by poses (K, 4, 4), observed at pixels (K, M, 2).

    Poses are perturbed on the left of ``T_cam_world``.

    Returns:
        Weighted residuals (K, M, 2) px, weights (K, M), and weighted Jacobians (K, M, 2, n) by pose (n = 6),
        point (3) and intrinsics (3); all 0 where a point is not seen.
    """
    T_cam_world = se3.inverse(T_world_cam)
    R_cam_world = T_cam_world[:, :3, :3]
    points_cam = points_world @ np.swapaxes(R_cam_world, 1, 2) + T_cam_world[:, None, :3, 3]
    in_front = points_cam[..., 2] > 1e-9
    z = np.where(in_front, points_cam[..., 2], 1.0)
    rays = points_cam[..., :2] / z[..., None]
    focal = np.array([camera.fx, camera.fy])
    residual = pixels - rays * focal - (camera.cx, camera.cy)
    length_px = np.linalg.norm(residual, axis=-1)
    weight = np.where(in_front & np.isfinite(length_px), HUBER_PX / np.fmax(length_px, HUBER_PX), 0.0)

    J_cam = np.zeros((*z.shape, 2, 3))
    J_cam[..., [0, 1], [0, 1]] = focal / z[..., None]
    J_cam[..., 2] = -focal * rays / z[..., None]
    J_pose = np.concatenate([J_cam, -J_cam @ se3.hat(points_cam)], axis=-1)
    J_intrinsics = np.zeros((*z.shape, 2, 3))
    J_intrinsics[..., 0] = focal * rays
    J_intrinsics[..., [0, 1], [1, 2]] = camera.width
    root = np.sqrt(weight)[..., None]
    residual = np.where(weight[..., None] > 0, residual * root, 0.0)
    jacobians = (J * root[..., None] for J in (J_pose, J_cam @ R_cam_world[:, None], J_intrinsics))
    return residual, weight, *jacobians


def _most_seen(
    points_world: NDArray[np.float64], pixels: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Select from points (M, 3) and their pixels (K, M, 2) those with most views."""
    num_views = np.isfinite(pixels[..., 0]).sum(axis=0)
    chosen = np.argsort(-num_views, kind="stable")[:MAX_LANDMARKS]
    chosen = chosen[num_views[chosen] >= MIN_VIEWS]
    return points_world[chosen], pixels[:, chosen]


def _observed_pixels(keyframes: Sequence[Keyframe], landmark_ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the pixels (K, M, 2) of the landmarks (M,) in each keyframe, NaN where one is not seen."""
    pixels = np.full((len(keyframes), len(landmark_ids), 2), np.nan)
    for row, keyframe in zip(pixels, keyframes, strict=True):
        seen = keyframe.has_landmark
        row[np.searchsorted(landmark_ids, keyframe.landmark_ids[seen])] = keyframe.features.pixels[seen]
    return pixels
