"""Robust estimation behind one small protocol: poselib by default, OpenCV's USAC as the alternative.

The same input gives the same output: poselib takes the seed, OpenCV's USAC starts from a fixed state of
its own, and its PnP from its global generator, which is set to the seed before each call.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import poselib
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import Camera
from vo_frontend.geometry.se3 import Transform

Pixels = NDArray[np.float64]  # (N, 2)


@dataclass(frozen=True, slots=True)
class RansacOptions:
    """When a draw counts as good and when to stop drawing."""

    epipolar_threshold_px: float
    reprojection_threshold_px: float
    confidence: float
    max_iterations: int
    seed: int


@dataclass(frozen=True, slots=True)
class RelativePose:
    """Pose of camera 1 in camera 0, translation of unit length."""

    T_cam0_cam1: Transform
    inliers: NDArray[np.bool_]  # (N,)


@dataclass(frozen=True, slots=True)
class Homography:
    """``pixels1 ~ H @ pixels0``."""

    H: NDArray[np.float64]  # (3, 3)
    inliers: NDArray[np.bool_]  # (N,)


@dataclass(frozen=True, slots=True)
class AbsolutePose:
    """Pose of the camera in the world of the points."""

    T_world_cam: Transform
    inliers: NDArray[np.bool_]  # (N,)


class RobustEstimator(Protocol):
    """Each method returns None where no model was found."""

    def relative_pose(self, pixels0: Pixels, pixels1: Pixels) -> RelativePose | None:
        """From at least 5 matches (N, 2) px, by the essential matrix."""
        ...

    def homography(self, pixels0: Pixels, pixels1: Pixels) -> Homography | None:
        """From at least 4 matches (N, 2) px."""
        ...

    def absolute_pose(
        self, pixels: Pixels, points_world: NDArray[np.float64], T_world_cam_guess: Transform | None
    ) -> AbsolutePose | None:
        """From at least 4 pixels (N, 2) of known points (N, 3)."""
        ...


class PoselibEstimator:
    """LO-RANSAC with non-linear refinement of every model (V. Larsson, PoseLib)."""

    def __init__(self, camera: Camera, options: RansacOptions) -> None:
        self._camera = {
            "model": "PINHOLE",
            "width": camera.width,
            "height": camera.height,
            "params": [camera.fx, camera.fy, camera.cx, camera.cy],
        }
        self._options = options

    def relative_pose(self, pixels0: Pixels, pixels1: Pixels) -> RelativePose | None:
        """See :class:`RobustEstimator`."""
        if len(pixels0) < 5:
            return None
        threshold_px = self._options.epipolar_threshold_px
        pose, info = poselib.estimate_relative_pose(
            pixels0, pixels1, self._camera, self._camera, self._ransac(max_epipolar_error=threshold_px), {}
        )
        inliers = np.asarray(info["inliers"], dtype=bool)
        if inliers.sum() < 5:
            return None
        T_cam0_cam1 = se3.inverse(_transform(pose))
        T_cam0_cam1[:3, 3] /= np.linalg.norm(T_cam0_cam1[:3, 3])  # poselib keeps it near 1 only
        return RelativePose(T_cam0_cam1, inliers)

    def homography(self, pixels0: Pixels, pixels1: Pixels) -> Homography | None:
        """See :class:`RobustEstimator`."""
        if len(pixels0) < 4:
            return None
        H, info = poselib.estimate_homography(
            pixels0, pixels1, self._ransac(max_reproj_error=self._options.reprojection_threshold_px), {}
        )
        inliers = np.asarray(info["inliers"], dtype=bool)
        return Homography(np.asarray(H), inliers) if inliers.sum() >= 4 else None

    def absolute_pose(
        self, pixels: Pixels, points_world: NDArray[np.float64], T_world_cam_guess: Transform | None
    ) -> AbsolutePose | None:
        """See :class:`RobustEstimator`."""
        if len(pixels) < 4:
            return None
        ransac = self._ransac(max_reproj_error=self._options.reprojection_threshold_px)
        guess = None if T_world_cam_guess is None else _camera_pose(T_world_cam_guess)
        pose, info = poselib.estimate_absolute_pose(pixels, points_world, self._camera, ransac, {}, guess)
        inliers = np.asarray(info["inliers"], dtype=bool)
        if inliers.sum() < 4:
            return None
        return AbsolutePose(se3.inverse(_transform(pose)), inliers)

    def _ransac(self, **threshold_px: float) -> dict[str, Any]:
        return {
            **threshold_px,
            "success_prob": self._options.confidence,
            "max_iterations": self._options.max_iterations,
            "min_iterations": 50,
            "seed": self._options.seed,
        }


class OpenCvEstimator:
    """OpenCV: USAC with MAGSAC scoring for two views (Raguram et al. 2013), plain RANSAC with P3P for PnP."""

    def __init__(self, camera: Camera, options: RansacOptions) -> None:
        self._K = camera.K
        self._options = options

    def relative_pose(self, pixels0: Pixels, pixels1: Pixels) -> RelativePose | None:
        """See :class:`RobustEstimator`."""
        if len(pixels0) < 5:
            return None
        options = self._options
        E, mask = cv2.findEssentialMat(
            pixels0, pixels1, self._K, cv2.USAC_MAGSAC, options.confidence, options.epipolar_threshold_px
        )
        if E is None or E.shape != (3, 3):
            return None
        _, R, t, mask = cv2.recoverPose(E, pixels0, pixels1, self._K, mask=mask)
        inliers = mask.ravel() > 0
        if inliers.sum() < 5:
            return None
        return RelativePose(se3.inverse(se3.from_rotation_translation(R, t.ravel())), inliers)

    def homography(self, pixels0: Pixels, pixels1: Pixels) -> Homography | None:
        """See :class:`RobustEstimator`."""
        if len(pixels0) < 4:
            return None
        options = self._options
        H, mask = cv2.findHomography(
            pixels0,
            pixels1,
            cv2.USAC_MAGSAC,
            options.reprojection_threshold_px,
            maxIters=options.max_iterations,
            confidence=options.confidence,
        )
        return None if H is None else Homography(np.asarray(H), mask.ravel() > 0)

    def absolute_pose(
        self, pixels: Pixels, points_world: NDArray[np.float64], T_world_cam_guess: Transform | None
    ) -> AbsolutePose | None:
        """See :class:`RobustEstimator`. The guess is unused: RANSAC starts from its own draws."""
        if len(pixels) < 4:
            return None
        options = self._options
        cv2.setRNGSeed(options.seed)
        found, rvec, tvec, index = cv2.solvePnPRansac(
            points_world,
            pixels,
            self._K,
            None,
            reprojectionError=options.reprojection_threshold_px,
            iterationsCount=options.max_iterations,
            confidence=options.confidence,
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
    return se3.from_rotation_translation(pose.R, pose.t)


def _camera_pose(T_world_cam: Transform) -> Any:
    T_cam_world = se3.inverse(T_world_cam)
    pose = poselib.CameraPose()
    pose.q = se3.quaternion_from_rotation(T_cam_world[:3, :3])
    pose.t = T_cam_world[:3, 3]
    return pose
