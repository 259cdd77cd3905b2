"""The monocular start: relative pose and first points from two views, or a reason to wait.

Essential-matrix and homography hypotheses compete, as in ORB-SLAM (Mur-Artal et al. 2015, IV), but by
one score: the number of matches that a pose turns into sound points. A planar scene makes the essential
matrix ambiguous, and a pure rotation makes both meaningless: the least parallax rejects those starts, and
the matches that the runner-up leaves unexplained.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from poselib import motion_from_homography

from vo_frontend.config import TwoViewConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.geometry.triangulation import triangulate
from vo_frontend.tracking.robust import RobustEstimator
from vo_frontend.types import Reason

# Of all matches: first maps of KITTI, TUM, 7-Scenes and the built-in street have 71 % and more.
MIN_SOUND_SHARE = 0.5
# A second, different pose makes the start ambiguous where fewer matches than these speak for the best alone.
MIN_DECIDING_SHARE = 0.1  # of its points ...
MIN_DECIDING = 20  # ... and of the matches that only one of the two explains, four of five
MIN_DECIDED_SHARE = 0.8
# Two hypotheses that differ by less are the same motion.
SAME_ROTATION_RAD = np.deg2rad(1.0)
SAME_DIRECTION_RAD = np.deg2rad(15.0)


@dataclass(frozen=True, slots=True)
class TwoViewStart:
    """Outcome of an attempt to start. ``reason`` is NONE on success, and only then is there a pose."""

    reason: Reason
    T_cam0_cam1: Transform | None = None  # (4, 4), translation of unit length
    points_cam0: NDArray[np.float64] | None = None  # (N, 3) of the matches, NaN where unsound


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """A motion between the views, and the points that it makes of the matches."""

    T_cam0_cam1: Transform  # (4, 4)
    points_cam0: NDArray[np.float64]  # (N, 3), NaN where unsound
    parallax_rad: NDArray[np.float64]  # (N,)

    @property
    def is_sound(self) -> NDArray[np.bool_]:
        """Tell which matches (N,) it explains."""
        return np.isfinite(self.points_cam0[:, 0])

    @property
    def num_points(self) -> int:
        """Count the matches that it explains."""
        return int(self.is_sound.sum())


class TwoViewInitializer:
    """Estimates the motion between two views and their first points."""

    def __init__(
        self,
        camera: PinholeCamera,
        estimator: RobustEstimator,
        config: TwoViewConfig,
        *,
        max_error_px: float,
    ) -> None:
        self._camera = camera
        self._estimator = estimator
        self._min_parallax_rad = float(np.deg2rad(config.min_parallax_deg))
        self._min_landmarks = config.min_landmarks
        self._max_error_px = max_error_px

    def start(self, pixels0: NDArray[np.float64], pixels1: NDArray[np.float64]) -> TwoViewStart:
        """Estimate the motion and the points from matched pixels, (N, 2) px in each view."""
        essential = self._estimator.relative_pose(pixels0, pixels1)
        if essential is None or essential.inliers.sum() < self._min_landmarks:
            return TwoViewStart(Reason.TOO_FEW_MATCHES)
        poses = [essential.T_cam0_cam1, *self._homography_motions(pixels0, pixels1)]
        hypotheses = [self._evaluate(pose, pixels0, pixels1) for pose in poses]
        best = max(hypotheses, key=lambda hypothesis: hypothesis.num_points)

        # Over all inliers, distant ones included: a few near points must not suffice.
        parallax_rad = float(np.median(best.parallax_rad[essential.inliers]))
        if parallax_rad < self._min_parallax_rad:
            return TwoViewStart(Reason.TOO_LITTLE_PARALLAX)
        if best.num_points < max(self._min_landmarks, MIN_SOUND_SHARE * len(pixels0)):
            return TwoViewStart(Reason.DEGENERATE_GEOMETRY)
        rivals = [other for other in hypotheses if not _same_motion(other.T_cam0_cam1, best.T_cam0_cam1)]
        if not all(_decided(best, rival) for rival in rivals):
            return TwoViewStart(Reason.DEGENERATE_GEOMETRY)
        return TwoViewStart(Reason.NONE, best.T_cam0_cam1, best.points_cam0)

    def _homography_motions(
        self, pixels0: NDArray[np.float64], pixels1: NDArray[np.float64]
    ) -> list[Transform]:
        """Return up to 4 motions (4, 4) that explain matches (N, 2) px of a plane; none for a rotation."""
        homography = self._estimator.homography(pixels0, pixels1)
        if homography is None or homography.inliers.sum() < self._min_landmarks:
            return []
        K = self._camera.K
        poses, _ = motion_from_homography(np.linalg.inv(K) @ homography.H @ K)
        motions = [se3.inverse(se3.from_rotation_translation(pose.R, pose.t)) for pose in poses]
        lengths = [float(np.linalg.norm(motion[:3, 3])) for motion in motions]
        for motion, length in zip(motions, lengths, strict=True):
            motion[:3, 3] /= max(length, 1e-12)
        return [motion for motion, length in zip(motions, lengths, strict=True) if length > 1e-6]

    def _evaluate(
        self, T_cam0_cam1: Transform, pixels0: NDArray[np.float64], pixels1: NDArray[np.float64]
    ) -> _Hypothesis:
        """Triangulate matches (N, 2) px for a motion (4, 4), and keep points that both views confirm."""
        camera = self._camera
        points_cam0, parallax_rad = triangulate(T_cam0_cam1, camera.rays(pixels0), camera.rays(pixels1))
        error0 = np.linalg.norm(camera.project(points_cam0) - pixels0, axis=1)
        points_cam1 = se3.transform_points(se3.inverse(T_cam0_cam1), points_cam0)
        error1 = np.linalg.norm(camera.project(points_cam1) - pixels1, axis=1)
        sound = np.fmax(error0, error1) < self._max_error_px  # NaN compares as False
        points_cam0 = np.where(sound[:, None], points_cam0, np.nan)
        return _Hypothesis(T_cam0_cam1, points_cam0, parallax_rad)


def _decided(best: _Hypothesis, rival: _Hypothesis) -> bool:
    """Tell whether the matches that only one of two hypotheses explains speak for the best.

    Most points of a street or a room lie in few planes, and each plane has a second motion that explains it:
    what counts is the rest.
    """
    for_best = int((best.is_sound & ~rival.is_sound).sum())
    for_rival = int((rival.is_sound & ~best.is_sound).sum())
    if for_best < MIN_DECIDED_SHARE * (for_best + for_rival):
        return False
    return for_best >= max(MIN_DECIDING, MIN_DECIDING_SHARE * best.num_points)


def _same_motion(T_cam0_a: Transform, T_cam0_b: Transform) -> bool:
    """Return whether two motions (4, 4) with translations of unit length agree."""
    rotation_rad = se3.rotation_angle_rad(T_cam0_a[:3, :3].T @ T_cam0_b[:3, :3])
    cosine = float(T_cam0_a[:3, 3] @ T_cam0_b[:3, 3])
    return bool(rotation_rad < SAME_ROTATION_RAD and cosine > np.cos(SAME_DIRECTION_RAD))
