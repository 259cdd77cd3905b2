"""Robust estimation behind one small protocol: poselib by default, OpenCV's USAC as the alternative.

The same input gives the same output: poselib takes the seed, OpenCV's USAC starts from a fixed state, and
OpenCV's PnP draws from a global generator, which is seeded before each call.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import poselib
from numpy.typing import NDArray

from vo_frontend.config import RansacConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform

Pixels = NDArray[np.float64]  # (N, 2) px


@dataclass(frozen=True, slots=True)
class RelativePose:
    """Pose of camera 1 in camera 0, translation of unit length."""

    T_cam0_cam1: Transform  # (4, 4)
    inliers: NDArray[np.bool_]  # (N,)


@dataclass(frozen=True, slots=True)
class Homography:
    """Homography in px: ``pixels1 ~ H @ pixels0``."""

    H: NDArray[np.float64]  # (3, 3)
    inliers: NDArray[np.bool_]  # (N,)


@dataclass(frozen=True, slots=True)
class AbsolutePose:
    """Pose of the camera in the world of the points."""

    T_world_cam: Transform  # (4, 4)
    inliers: NDArray[np.bool_]  # (N,)


class RobustEstimator(Protocol):
    """Estimates models from data with outliers. Each method returns None if it finds no model."""

    def relative_pose(self, pixels0: Pixels, pixels1: Pixels) -> RelativePose | None:
        """Estimate the motion between two views from matches (N, 2) px, N >= 5, by the essential matrix."""
        ...

    def homography(self, pixels0: Pixels, pixels1: Pixels) -> Homography | None:
        """Estimate the homography between two views from matches (N, 2) px, N >= 4."""
        ...

    def absolute_pose(
        self, pixels: Pixels, points_world: NDArray[np.float64], T_world_cam_guess: Transform | None
    ) -> AbsolutePose | None:
        """Estimate the pose from pixels (N, 2) of known points (N, 3), N >= 4, and a guess (4, 4) if any."""
        ...


class PoselibEstimator:
    """PoseLib (V. Larsson): LO-RANSAC with non-linear refinement of every model."""

    def __init__(self, camera: PinholeCamera, config: RansacConfig, seed: int) -> None:
        self._camera = {
            "model": "PINHOLE",
            "width": camera.width,
            "height": camera.height,
            "params": [camera.fx, camera.fy, camera.cx, camera.cy],
        }
        self._config = config
        self._seed = seed

    def relative_pose(self, pixels0: Pixels, pixels1: Pixels) -> RelativePose | None:
        """Estimate the motion from matches (N, 2) px; see :class:`RobustEstimator`."""
        if len(pixels0) < 5:
            return None
        threshold_px = self._config.epipolar_threshold_px
        pose, info = poselib.estimate_relative_pose(
            pixels0, pixels1, self._camera, self._camera, self._ransac(max_epipolar_error=threshold_px), {}
        )
        inliers = np.asarray(info["inliers"], dtype=bool)
        if inliers.sum() < 5:
            return None
        T_cam0_cam1 = se3.inverse(_transform(pose))
        T_cam0_cam1[:3, 3] /= np.linalg.norm(T_cam0_cam1[:3, 3])  # poselib keeps it only near 1
        return RelativePose(T_cam0_cam1, inliers)

    def homography(self, pixels0: Pixels, pixels1: Pixels) -> Homography | None:
        """Estimate the homography from matches (N, 2) px; see :class:`RobustEstimator`."""
        if len(pixels0) < 4:
            return None
        H, info = poselib.estimate_homography(
            pixels0, pixels1, self._ransac(max_reproj_error=self._config.reprojection_threshold_px), {}
        )
        inliers = np.asarray(info["inliers"], dtype=bool)
        return Homography(np.asarray(H), inliers) if inliers.sum() >= 4 else None

    def absolute_pose(
        self, pixels: Pixels, points_world: NDArray[np.float64], T_world_cam_guess: Transform | None
    ) -> AbsolutePose | None:
        """Estimate the pose from pixels (N, 2) of points (N, 3); see :class:`RobustEstimator`."""
        if len(pixels) < 4:
            return None
        ransac = self._ransac(max_reproj_error=self._config.reprojection_threshold_px)
        guess = None if T_world_cam_guess is None else _camera_pose(T_world_cam_guess)
        pose, info = poselib.estimate_absolute_pose(pixels, points_world, self._camera, ransac, {}, guess)
        inliers = np.asarray(info["inliers"], dtype=bool)
        if inliers.sum() < 4:
            return None
        return AbsolutePose(se3.inverse(_transform(pose)), inliers)

    def _ransac(self, **threshold_px: float) -> dict[str, Any]:
        """Return the options that poselib takes as a dict."""
        return {
            **threshold_px,
            "success_prob": self._config.confidence,
            "max_iterations": self._config.max_iterations,
            "min_iterations": 50,
            "seed": self._seed,
        }


class OpenCvEstimator:
    """OpenCV: USAC with MAGSAC scoring for two views (Raguram et al. 2013), plain RANSAC with P3P for PnP."""

    def __init__(self, camera: PinholeCamera, config: RansacConfig, seed: int) -> None:
        self._K = camera.K
        self._config = config
        self._seed = seed

    def relative_pose(self, pixels0: Pixels, pixels1: Pixels) -> RelativePose | None:
        """Estimate the motion from matches (N, 2) px; see :class:`RobustEstimator`."""
        if len(pixels0) < 5:
            return None
        config = self._config
        E, mask = cv2.findEssentialMat(
            pixels0, pixels1, self._K, cv2.USAC_MAGSAC, config.confidence, config.epipolar_threshold_px
        )
        if E is None or E.shape != (3, 3):
            return None
        _, R, t, mask = cv2.recoverPose(E, pixels0, pixels1, self._K, mask=mask)
        inliers = mask.ravel() > 0
        if inliers.sum() < 5:
            return None
        return RelativePose(se3.inverse(se3.from_rotation_translation(R, t.ravel())), inliers)

    def homography(self, pixels0: Pixels, pixels1: Pixels) -> Homography | None:
        """Estimate the homography from matches (N, 2) px; see :class:`RobustEstimator`."""
        if len(pixels0) < 4:
            return None
        config = self._config
        H, mask = cv2.findHomography(
            pixels0,
            pixels1,
            cv2.USAC_MAGSAC,
            config.reprojection_threshold_px,
            maxIters=config.max_iterations,
            confidence=config.confidence,
        )
        return None if H is None else Homography(np.asarray(H), mask.ravel() > 0)

    def absolute_pose(
        self, pixels: Pixels, points_world: NDArray[np.float64], T_world_cam_guess: Transform | None
    ) -> AbsolutePose | None:
        """Estimate the pose from pixels (N, 2) of points (N, 3); makes no use of the guess (4, 4)."""
        if len(pixels) < 4:
            return None
        config = self._config
        cv2.setRNGSeed(self._seed)
        found, rvec, tvec, index = cv2.solvePnPRansac(
            points_world,
            pixels,
            self._K,
            None,
            reprojectionError=config.reprojection_threshold_px,
            iterationsCount=config.max_iterations,
            confidence=config.confidence,
            flags=cv2.SOLVEPNP_AP3P,
        )
        if not found or index is None or len(index) < 4:
            return None
        index = index.ravel()
        rvec, tvec = cv2.solvePnPRefineLM(points_world[index], pixels[index], self._K, None, rvec, tvec)
        inliers = np.zeros(len(pixels), dtype=bool)
        inliers[index] = True
        T_cam_world = se3.from_rotation_translation(cv2.Rodrigues(rvec)[0], tvec.ravel())
        return AbsolutePose(se3.inverse(T_cam_world), inliers)


def _transform(pose: Any) -> Transform:
    """Return a poselib pose, which takes points into its camera, as (4, 4)."""
    return se3.from_rotation_translation(pose.R, pose.t)


def _camera_pose(T_world_cam: Transform) -> Any:
    """Return T_world_cam (4, 4) as a poselib pose, which is T_cam_world."""
    T_cam_world = se3.inverse(T_world_cam)
    pose = poselib.CameraPose()
    pose.q = se3.quaternion_from_rotation(T_cam_world[:3, :3])
    pose.t = T_cam_world[:3, 3]
    return pose
