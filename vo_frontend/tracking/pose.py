"""Pose of a frame among known landmarks: guided matching, PnP, then refinement with all that agree."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import Config
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.optimization.pose_refinement import refine_pose
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.robust import RobustEstimator
from vo_frontend.types import Features, Matches, Reason

REFINE_ITERATIONS = 10
REFINE_ROUNDS = 2


def _no_rows() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class PoseEstimate:
    """A pose with the landmarks that support it, or the reason why there is none.

    Attributes:
        reason: NONE on success.
        num_matches: before outliers were removed.
        T_world_cam: (4, 4), None without success.
        landmark_rows: (I,) rows of the landmarks that agree with the pose.
        feature_index: (I,) features that see them.
        expected_rows: (E,) rows of the landmarks that the pose puts into the image.
    """

    reason: Reason
    num_matches: int
    T_world_cam: Transform | None = None
    landmark_rows: NDArray[np.int64] = field(default_factory=_no_rows)
    feature_index: NDArray[np.int64] = field(default_factory=_no_rows)
    expected_rows: NDArray[np.int64] = field(default_factory=_no_rows)

    @property
    def num_inliers(self) -> int:
        """Number of landmarks that agree with the pose."""
        return len(self.feature_index)


class PoseTracker:
    """Finds the pose from which features see landmarks."""

    def __init__(
        self, camera: PinholeCamera, matcher: Matcher, estimator: RobustEstimator, config: Config
    ) -> None:
        self._camera = camera
        self._matcher = matcher
        self._estimator = estimator
        self._search_radius_px = config.matching.search_radius_px
        self._refine_radius_px = config.matching.refine_radius_px
        self._max_error_px = config.ransac.reprojection_threshold_px
        self._huber = config.tracking.huber_px / camera.focal_px
        self._min_inliers = config.tracking.min_inliers

    def track(
        self,
        features: Features,
        points_world: NDArray[np.float64],
        descriptors: NDArray[np.float32],
        T_world_cam_guess: Transform,
    ) -> PoseEstimate:
        """Find the pose, searching for the landmarks around where a guess puts them.

        Args:
            features: N features of the frame.
            points_world: (M, 3) landmarks, in map units.
            descriptors: (M, D) of the landmarks, unit length.
            T_world_cam_guess: (4, 4) predicted pose.
        """
        predicted = self._project(T_world_cam_guess, points_world)
        matches = self._matcher.match_guided(descriptors, predicted, features, self._search_radius_px)
        coarse = self._estimate(features, points_world, matches, T_world_cam_guess)
        return self._refine(coarse, features, points_world, descriptors)

    def relocalize(
        self,
        features: Features,
        points_world: NDArray[np.float64],
        descriptors: NDArray[np.float32],
        places: Iterable[tuple[NDArray[np.float32], NDArray[np.int64]]],
    ) -> PoseEstimate:
        """Find the pose without a guess: match what was seen from one place after the other.

        Args:
            features: N features of the frame.
            points_world: (M, 3) landmarks, in map units.
            descriptors: (M, D) of the landmarks, unit length.
            places: most likely first: descriptors (L, D) and landmark rows (L,) of what was seen there.
        """
        best = PoseEstimate(Reason.TOO_FEW_MATCHES, 0)
        for seen_descriptors, rows in places:
            found = self._matcher.match(seen_descriptors, features.descriptors)
            matches = Matches(rows[found.index0], found.index1, found.similarity)
            coarse = self._estimate(features, points_world, matches, None)
            best = coarse if coarse.num_matches > best.num_matches else best
            if coarse.T_world_cam is not None:
                return self._refine(coarse, features, points_world, descriptors)
        return best

    def _project(self, T_world_cam: Transform, points_world: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project landmarks (M, 3) to px (M, 2), NaN where they are not near the image."""
        pixels = self._camera.project(se3.transform_points(se3.inverse(T_world_cam), points_world))
        inside = self._camera.contains(pixels, margin_px=-self._search_radius_px)
        return np.where(inside[:, None], pixels, np.nan)

    def _estimate(
        self,
        features: Features,
        points_world: NDArray[np.float64],
        matches: Matches,
        T_world_cam_guess: Transform | None,
    ) -> PoseEstimate:
        """Estimate the pose robustly from matches between rows of landmarks (M, 3) and features."""
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

    def _refine(
        self,
        coarse: PoseEstimate,
        features: Features,
        points_world: NDArray[np.float64],
        descriptors: NDArray[np.float32],
    ) -> PoseEstimate:
        """Match landmarks (M, 3) once more, close to where the coarse pose puts them, and refine the pose.

        Depths measured in this frame are not used here: a depth image is taken at another instant than the
        colours, and in a single pose that error does more harm than the depths do good (TUM fr1_rpy).
        """
        if coarse.T_world_cam is None:
            return coarse
        predicted = self._project(coarse.T_world_cam, points_world)
        matches = self._matcher.match_guided(descriptors, predicted, features, self._refine_radius_px)
        rows, index, T_world_cam = matches.index0, matches.index1, coarse.T_world_cam
        points, pixels = points_world[rows], features.pixels[index]
        rays = self._camera.rays(pixels)
        agree = np.ones(len(rows), bool)
        for _ in range(REFINE_ROUNDS):  # each round drops the matches that disagree with the one before
            T_world_cam = refine_pose(
                T_world_cam,
                points[agree],
                rays[agree],
                huber=self._huber,
                max_iterations=REFINE_ITERATIONS,
            )
            projected = self._camera.project(se3.transform_points(se3.inverse(T_world_cam), points))
            agree = np.linalg.norm(projected - pixels, axis=1) < self._max_error_px  # False where NaN
        fine = PoseEstimate(Reason.NONE, len(matches), T_world_cam, rows[agree], index[agree])
        best = fine if fine.num_inliers >= coarse.num_inliers else coarse
        assert best.T_world_cam is not None
        in_image = self._camera.contains(self._project(best.T_world_cam, points_world))
        return replace(best, expected_rows=np.flatnonzero(in_image))
