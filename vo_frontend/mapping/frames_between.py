"""Frames between two keyframes, placed once more when the map around them is adjusted.

A frame is placed as soon as it comes, among landmarks the newest of which were seen from a few places only.
The next keyframe corrects those, and with them what was wrong with the pose. The correction of the keyframe
that a pose hangs on is another thing: it moves both alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import Config
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import FramesMoved
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.optimization.pose_refinement import refine_pose

MAX_FRAMES = 30  # the newest: a camera that stands still makes no keyframe for a long time
MAX_ITERATIONS = 10


@dataclass(frozen=True, slots=True)
class _Sighting:
    """What a frame has seen of the map."""

    segment_id: int
    frame_index: int
    keyframe_index: int  # frame of the keyframe before it
    T_keyframe_cam: Transform  # (4, 4) from that keyframe
    rays: NDArray[np.float64]  # (I, 2) normalised image coordinates
    landmark_ids: NDArray[np.int64]  # (I,)


class FramesBetween:
    """Collects frames, and places them again when the next keyframe has been made."""

    def __init__(self, camera: PinholeCamera, config: Config) -> None:
        self._camera = camera
        self._huber = config.mapping.huber_px / camera.focal_px
        self._min_points = config.tracking.min_inliers
        self._sightings: list[_Sighting] = []

    def add(
        self, view: View, T_world_cam: Transform, landmark_ids: NDArray[np.int64], sparse_map: SparseMap
    ) -> None:
        """Take a frame that is no keyframe.

        Args:
            view: of N features.
            T_world_cam: (4, 4) its pose.
            landmark_ids: (N,) of each feature, NO_LANDMARK where it has none.
            sparse_map: in which it was placed.
        """
        keyframe = sparse_map.last_keyframe
        seen = np.flatnonzero(landmark_ids != NO_LANDMARK)
        sighting = _Sighting(
            sparse_map.segment_id,
            view.frame_index,
            keyframe.view.frame_index,
            se3.inverse(keyframe.T_world_cam) @ T_world_cam,
            self._camera.rays(view.features.pixels[seen]),
            landmark_ids[seen],
        )
        self._sightings = [*self._sightings, sighting][-MAX_FRAMES:]

    def place_again(self, sparse_map: SparseMap) -> None:
        """Place the frames since the keyframe before the newest, tell of it, and forget them."""
        T_world_keyframe = {each.view.frame_index: each.T_world_cam for each in sparse_map.keyframes}
        frames, poses = list[int](), list[Transform]()
        for sighting in self._sightings:
            if sighting.segment_id != sparse_map.segment_id:  # joined to another, of another scale
                continue
            if sighting.keyframe_index not in T_world_keyframe:  # given up meanwhile
                continue
            T_world_cam = T_world_keyframe[sighting.keyframe_index] @ sighting.T_keyframe_cam
            placed = self._placed(sighting, T_world_cam, sparse_map)
            if placed is not None:
                frames.append(sighting.frame_index)
                poses.append(placed)
        self._sightings = []
        if frames:
            sparse_map.tell(FramesMoved(sparse_map.segment_id, np.array(frames), np.array(poses)))

    def _placed(self, sighting: _Sighting, guess: Transform, sparse_map: SparseMap) -> Transform | None:
        """Find the pose from which the landmarks that are left are seen; None where too few are."""
        landmarks = sparse_map.landmarks
        is_left = landmarks.contains(sighting.landmark_ids)
        if is_left.sum() < self._min_points:
            return None
        points_world = landmarks.points_world[landmarks.rows(sighting.landmark_ids[is_left])]
        rays = sighting.rays[is_left]
        return refine_pose(guess, points_world, rays, huber=self._huber, max_iterations=MAX_ITERATIONS)
