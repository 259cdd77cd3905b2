"""Pose of a frame against known landmarks: guided matching and PnP, coarse then fine."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import Camera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.robust import RobustEstimator
from vo_frontend.types import Features, Matches, Reason


@dataclass(frozen=True, slots=True)
class PoseEstimate:
    """A pose with the landmarks that support it, or the reason why there is none."""

    reason: Reason  # NONE on success
    num_matches: int
    T_world_cam: Transform | None = None
    landmark_rows: NDArray[np.int64] | None = None  # (I,) inliers: rows of the landmarks given
    feature_index: NDArray[np.int64] | None = None  # (I,) and the features that see them

    @property
    def num_inliers(self) -> int:
        """Landmarks that agree with the pose."""
        return 0 if self.feature_index is None else len(self.feature_index)


class PoseTracker:
    """Places features among landmarks."""

    def __init__(
        self,
        camera: Camera,
        matcher: Matcher,
        estimator: RobustEstimator,
        *,
        search_radius_px: float,
        refine_radius_px: float,
        min_inliers: int,
    ) -> None:
        self._camera = camera
        self._matcher = matcher
        self._estimator = estimator
        self._search_radius_px = search_radius_px
        self._refine_radius_px = refine_radius_px
        self._min_inliers = min_inliers

    def track(
        self,
        features: Features,
        points_world: NDArray[np.float64],
        descriptors: NDArray[np.float32],
        T_world_cam_guess: Transform,
    ) -> PoseEstimate:
        """Search around where the guess puts the landmarks; if that fails, everywhere.

        Args:
            features: N of the frame.
            points_world: (M, 3) landmarks.
            descriptors: (M, D) of the landmarks.
            T_world_cam_guess: predicted pose.
        """
        guess = T_world_cam_guess
        predicted = self._project(guess, points_world)
        matches = self._matcher.match_guided(descriptors, predicted, features, self._search_radius_px)
        coarse = self._pose(features, points_world, matches, guess)
        if coarse.reason is not Reason.NONE:
            matches = self._matcher.match(descriptors, features.descriptors)
            coarse = self._pose(features, points_world, matches, None)
        if coarse.T_world_cam is None:
            return coarse
        predicted = self._project(coarse.T_world_cam, points_world)
        matches = self._matcher.match_guided(descriptors, predicted, features, self._refine_radius_px)
        fine = self._pose(features, points_world, matches, coarse.T_world_cam)
        return fine if fine.num_inliers >= coarse.num_inliers else coarse

    def _project(self, T_world_cam: Transform, points_world: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels (M, 2), NaN for landmarks that this camera cannot see."""
        pixels = self._camera.project(se3.transform_points(se3.inverse(T_world_cam), points_world))
        inside = self._camera.contains(pixels, margin_px=-self._search_radius_px)
        return np.where(inside[:, None], pixels, np.nan)

    def _pose(
        self,
        features: Features,
        points_world: NDArray[np.float64],
        matches: Matches,
        T_world_cam_guess: Transform | None,
    ) -> PoseEstimate:
        rows, feature_index = matches.index0, matches.index1
        if len(matches) < self._min_inliers:
            return PoseEstimate(Reason.TOO_FEW_MATCHES, len(matches))
        pixels = features.pixels[feature_index].astype(np.float64)
        pose = self._estimator.absolute_pose(pixels, points_world[rows], T_world_cam_guess)
        if pose is None or pose.inliers.sum() < self._min_inliers:
            return PoseEstimate(Reason.DEGENERATE_GEOMETRY, len(matches))
        inliers = pose.inliers
        return PoseEstimate(
            Reason.NONE, len(matches), pose.T_world_cam, rows[inliers], feature_index[inliers]
        )
