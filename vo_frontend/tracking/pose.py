"""Pose of a frame against known landmarks: guided matching and PnP, then all that agrees, refined."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import Camera
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
    """A pose with the landmarks that support it, or the reason why there is none."""

    reason: Reason  # NONE on success
    num_matches: int
    T_world_cam: Transform | None = None
    landmark_rows: NDArray[np.int64] = field(
        default_factory=_no_rows
    )  # (I,) inliers: rows of the landmarks given
    feature_index: NDArray[np.int64] = field(default_factory=_no_rows)  # (I,) and the features that see them
    expected_rows: NDArray[np.int64] = field(
        default_factory=_no_rows
    )  # (E,) landmarks that the pose puts in the image

    @property
    def num_inliers(self) -> int:
        """Landmarks that agree with the pose."""
        return len(self.feature_index)


@dataclass(frozen=True, slots=True)
class PoseTrackerOptions:
    """Values of the ``matching``, ``ransac`` and ``tracking`` sections of the configuration."""

    search_radius_px: float
    refine_radius_px: float
    max_error_px: float
    huber_px: float
    min_inliers: int


class PoseTracker:
    """Places features among landmarks."""

    def __init__(
        self, camera: Camera, matcher: Matcher, estimator: RobustEstimator, options: PoseTrackerOptions
    ) -> None:
        self._camera = camera
        self._matcher = matcher
        self._estimator = estimator
        self._options = options

    def track(
        self,
        features: Features,
        points_world: NDArray[np.float64],
        descriptors: NDArray[np.float32],
        T_world_cam_guess: Transform,
    ) -> PoseEstimate:
        """Search around where the guess puts the landmarks.

        Args:
            features: N of the frame.
            points_world: (M, 3) landmarks.
            descriptors: (M, D) of the landmarks.
            T_world_cam_guess: predicted pose.
        """
        predicted = self._project(T_world_cam_guess, points_world)
        matches = self._matcher.match_guided(descriptors, predicted, features, self._options.search_radius_px)
        coarse = self._pose(features, points_world, matches, T_world_cam_guess)
        return self._refined(coarse, features, points_world, descriptors)

    def relocalize(
        self,
        features: Features,
        points_world: NDArray[np.float64],
        descriptors: NDArray[np.float32],
        keyframes: Iterable[tuple[NDArray[np.float32], NDArray[np.int64]]],
    ) -> PoseEstimate:
        """Search everywhere: among all landmarks, then among what each keyframe saw of them.

        A landmark's descriptor is of its latest view; a camera that comes back from elsewhere may know
        it only as an older keyframe did.

        Args:
            features: N of the frame.
            points_world: (M, 3) landmarks.
            descriptors: (M, D) of the landmarks.
            keyframes: best candidates first: descriptors (L, D) and rows (L,) of the landmarks they saw.
        """
        candidates = [(descriptors, np.arange(len(points_world))), *keyframes]
        best = PoseEstimate(Reason.TOO_FEW_MATCHES, 0)
        for seen_descriptors, rows in candidates:
            found = self._matcher.match(seen_descriptors, features.descriptors)
            matches = Matches(rows[found.index0], found.index1, found.similarity)
            coarse = self._pose(features, points_world, matches, None)
            best = coarse if coarse.num_matches > best.num_matches else best
            if coarse.T_world_cam is not None:
                return self._refined(coarse, features, points_world, descriptors)
        return best

    def _project(self, T_world_cam: Transform, points_world: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels (M, 2), NaN for landmarks that this camera cannot see."""
        pixels = self._camera.project(se3.transform_points(se3.inverse(T_world_cam), points_world))
        inside = self._camera.contains(pixels, margin_px=-self._options.search_radius_px)
        return np.where(inside[:, None], pixels, np.nan)

    def _pose(
        self,
        features: Features,
        points_world: NDArray[np.float64],
        matches: Matches,
        T_world_cam_guess: Transform | None,
    ) -> PoseEstimate:
        rows, feature_index = matches.index0, matches.index1
        if len(matches) < self._options.min_inliers:
            return PoseEstimate(Reason.TOO_FEW_MATCHES, len(matches))
        pixels = features.pixels[feature_index].astype(np.float64)
        pose = self._estimator.absolute_pose(pixels, points_world[rows], T_world_cam_guess)
        if pose is None or pose.inliers.sum() < self._options.min_inliers:
            return PoseEstimate(Reason.DEGENERATE_GEOMETRY, len(matches))
        inliers = pose.inliers
        return PoseEstimate(
            Reason.NONE, len(matches), pose.T_world_cam, rows[inliers], feature_index[inliers]
        )

    def _refined(
        self,
        coarse: PoseEstimate,
        features: Features,
        points_world: NDArray[np.float64],
        descriptors: NDArray[np.float32],
    ) -> PoseEstimate:
        """Match once more, close to where the coarse pose puts the landmarks.

        The frame's own depths are left to the map: one depth image, of another instant than the colours
        and blurred by the same motion, would pull a single pose more than it helps (TUM fr1_rpy).
        """
        if coarse.T_world_cam is None:
            return coarse
        options = self._options
        predicted = self._project(coarse.T_world_cam, points_world)
        matches = self._matcher.match_guided(descriptors, predicted, features, options.refine_radius_px)
        rows, index, T_world_cam = matches.index0, matches.index1, coarse.T_world_cam
        points, pixels = points_world[rows], features.pixels[index]
        rays = self._camera.rays(pixels)
        agree = np.ones(len(rows), bool)
        for _ in range(REFINE_ROUNDS):  # the second without what disagrees with the first
            T_world_cam = refine_pose(
                T_world_cam,
                points[agree],
                rays[agree],
                huber=options.huber_px / self._camera.focal_px,
                max_iterations=REFINE_ITERATIONS,
            ).T_world_cam
            projected = self._camera.project(se3.transform_points(se3.inverse(T_world_cam), points))
            agree = np.linalg.norm(projected - pixels, axis=1) < options.max_error_px  # False where NaN
        fine = PoseEstimate(Reason.NONE, len(matches), T_world_cam, rows[agree], index[agree])
        best = fine if fine.num_inliers >= coarse.num_inliers else coarse
        assert best.T_world_cam is not None
        in_image = self._camera.contains(self._project(best.T_world_cam, points_world))
        return replace(best, expected_rows=np.flatnonzero(in_image))
