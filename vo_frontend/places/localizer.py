"""Where in a map a single view was taken, or that it shows nothing of it.

Keyframes that look like the view (VLAD) -> matches with what each of them saw -> PnP -> all landmarks around,
searched for where that pose puts them -> refinement that trusts each landmark as far as it is known. A place
that only looks alike gives few landmarks, many matches that disagree with the pose, or all on one spot: such
a pose is refused.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.point_accuracy import landmark_covariances
from vo_frontend.config import LocalizationConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.keyframe import View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.optimization.uncertain_points import refine_among_uncertain
from vo_frontend.places.memory import PlaceMemory
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.robust import RobustEstimator

SEARCH_RADII_PX = (40.0, 25.0, 15.0, 15.0)  # around where the pose before puts the landmarks
MAX_DEVIATION = 3.0  # of an observation that agrees, in standard deviations
MIN_MATCHES = 6  # that a pose is estimated from at all
MAX_ITERATIONS = 10
NUM_GUESSES = 6  # of those by single keyframes, that are looked into further


@dataclass(frozen=True, slots=True, eq=False)
class MapPart:
    """The keyframes around a place, most important first, and all landmarks that they see."""

    segment_id: int
    members: NDArray[np.int64]  # (K,) frame indices
    landmarks: Landmarks  # M in the world of the segment


@dataclass(frozen=True, slots=True, eq=False)
class Localization:
    """A view placed in a map."""

    segment_id: int
    T_world_cam: Transform  # (4, 4) in the world of the segment
    covariance: NDArray[np.float64]  # (6, 6) of [rho, phi] in the camera's frame: map units, rad
    feature_index: NDArray[np.int64]  # (I,) features that see a landmark
    landmark_ids: NDArray[np.int64]  # (I,) of these
    num_matches: int  # before those that disagree with the pose were left out
    part: MapPart

    @property
    def num_inliers(self) -> int:
        """Count the landmarks that agree with the pose."""
        return len(self.landmark_ids)


@dataclass(frozen=True, slots=True, eq=False)
class _Guess:
    T_world_cam: Transform
    landmark_ids: NDArray[np.int64]  # (I,) that agree with it


class Localizer:
    """Places views of one camera in a map, which stays as it is.

    Args:
        camera: of the views.
        map_camera: that the map was made with.
        memory: of the map.
        matcher: of descriptors.
        estimator: for the camera of the views, with a threshold that suits a map's errors.
        config: when a pose is believed.
    """

    def __init__(
        self,
        camera: PinholeCamera,
        map_camera: PinholeCamera,
        memory: PlaceMemory,
        matcher: Matcher,
        estimator: RobustEstimator,
        config: LocalizationConfig,
    ) -> None:
        self.camera = camera
        self._memory = memory
        self._matcher = matcher
        self._estimator = estimator
        self._config = config
        self._covariances = landmark_covariances(memory.archive, map_camera, config.map_sigma_px)

    def localize(self, view: View) -> Localization | None:
        """Place a view of which nothing is known, None where it is not in the map."""
        found = self._memory.look_up(view, self._config.num_candidates, np.zeros(0, np.int64))
        candidates = found.ids[found.scores >= self._config.min_score].tolist()
        guesses = [guess for each in candidates if (guess := self._guess(view, each)) is not None]
        guesses.sort(key=lambda guess: -len(guess.landmark_ids))
        placed = [
            self.follow(view, self.part_around(guess.landmark_ids), guess.T_world_cam)
            for guess in guesses[:NUM_GUESSES]
        ]
        return max(filter(None, placed), key=lambda each: each.num_inliers, default=None)

    def follow(self, view: View, part: MapPart, T_world_cam_guess: Transform) -> Localization | None:
        """Place a view near a guess among the landmarks of a part, None where that fails."""
        landmarks, features, T_world_cam = part.landmarks, view.features, T_world_cam_guess
        for radius_px in SEARCH_RADII_PX:
            predicted = self._predicted(T_world_cam, landmarks.points_world)
            matches = self._matcher.match_guided(landmarks.descriptors, predicted, features, radius_px)
            if len(matches) < max(MIN_MATCHES, self._config.min_inliers):
                return None
            rows, index = matches.index0, matches.index1
            found = refine_among_uncertain(
                T_world_cam,
                landmarks.points_world[rows],
                self._covariances[landmarks.ids[rows]],
                self.camera.rays(features.pixels[index]),
                ray_sigma=self._config.pixel_sigma_px / self.camera.focal_px,
                max_iterations=MAX_ITERATIONS,
            )
            T_world_cam = found.T_world_cam
        agree = found.deviations < MAX_DEVIATION
        if agree.sum() < max(self._config.min_inliers, self._config.min_inlier_share * len(matches)):
            return None
        predicted = self._predicted(T_world_cam, landmarks.points_world)
        if not self._is_sound(features.pixels[index[agree]], predicted):
            return None
        ids = landmarks.ids[rows[agree]]
        return Localization(
            part.segment_id, T_world_cam, found.covariance, index[agree], ids, len(matches), part
        )

    def nearest(self, landmark_ids: NDArray[np.int64]) -> int:
        """Name the keyframe, by frame index, that sees most of landmarks (L,)."""
        return int(self._memory.archive.seeing(landmark_ids).frame_indices[0])

    def part_around(self, landmark_ids: NDArray[np.int64]) -> MapPart:
        """Recall the keyframes that see most of landmarks (L,), and all that these keyframes see."""
        archive = self._memory.archive
        members = archive.seeing(landmark_ids).frame_indices
        segment_ids = archive.segment_ids(members)
        members = members[segment_ids == segment_ids[0]][: self._config.num_neighbors]
        ids = np.unique(np.concatenate([archive.landmarks_seen(each) for each in members.tolist()]))
        return MapPart(int(segment_ids[0]), members, archive.landmarks(ids[archive.contains(ids)]))

    def _guess(self, view: View, frame_index: int) -> _Guess | None:
        """Place a view by what one keyframe saw."""
        archive = self._memory.archive
        keyframe = archive.keyframe(frame_index)
        seen = np.flatnonzero(keyframe.has_landmark)
        seen = seen[archive.contains(keyframe.landmark_ids[seen])]
        matches = self._matcher.match(keyframe.features.descriptors[seen], view.features.descriptors)
        if len(matches) < MIN_MATCHES:
            return None
        ids = keyframe.landmark_ids[seen[matches.index0]]
        pixels = view.features.pixels[matches.index1].astype(np.float64)
        pose = self._estimator.absolute_pose(pixels, archive.retired(ids).points_world, None)
        if pose is None or pose.inliers.sum() < self._config.min_inliers:
            return None
        return _Guess(pose.T_world_cam, ids[pose.inliers])

    def _predicted(self, T_world_cam: Transform, points_world: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project points (N, 3) to px (N, 2), NaN where they are not near the image."""
        pixels = self.camera.project(se3.transform_points(se3.inverse(T_world_cam), points_world))
        inside = self.camera.contains(pixels, margin_px=-SEARCH_RADII_PX[0])
        return np.where(inside[:, None], pixels, np.nan)

    def _is_sound(self, pixels: NDArray[np.float32], predicted: NDArray[np.float64]) -> bool:
        """Tell whether found landmarks (I, 2) cover enough of the image, and are enough of all in view.

        Args:
            pixels: (I, 2) of features that agree with the pose.
            predicted: (M, 2) px of all landmarks around by that pose, NaN where they are not in view.
        """
        width, height = self.camera.width, self.camera.height
        hull = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(hull, cv2.convexHull(np.rint(pixels).astype(np.int32)), 1)
        if hull.sum() < self._config.min_spread * width * height:
            return False
        return len(pixels) >= self._config.min_found_share * int(self.camera.contains(predicted).sum())
