"""Whether a pose is believed, and what becomes of frames whose pose was doubted.

A facade that occurs twice gives dozens of matches that agree with one pose, and that pose is wrong. Where it
is right, most of what a view nearby saw, and that should be in the image, is found there; or the image has
moved as the pose says, mapped or not, since the frame before or since the keyframe that saw most of the same.
In fast turns, which blur what is known, that is all there is.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.map_witness import MapWitness
from vo_frontend.mapping.resemblance import resembles
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.tracking.depth_agreement import depths_agree
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.motion_agreement import motion_agrees
from vo_frontend.tracking.pose import PoseEstimate, PoseTracker
from vo_frontend.types import StampedPose

MAX_DOUBTED = 5  # newest views that wait for a pose in hindsight: each costs about as much as a frame
NEAREST_SHARE = 0.5  # of the depth below which 5 % of the landmarks lie: nothing is expected to be nearer


class PoseJudge:
    """Asks the map and the last believed frame about a pose, and places doubted frames in hindsight."""

    def __init__(
        self, camera: PinholeCamera, matcher: Matcher, tracker: PoseTracker, witness: MapWitness
    ) -> None:
        self._camera = camera
        self._matcher = matcher
        self._tracker = tracker
        self._witness = witness
        self._before: tuple[View, NDArray[np.int64]] | None = None  # with its landmark ids (N,)
        self._doubted: list[View] = []

    def believes(
        self, view: View, pose: PoseEstimate, T_world_before: Transform, sparse_map: SparseMap
    ) -> bool:
        """Tell whether map or image motion support the pose of a view, if it has one.

        Args:
            view: of N features.
            pose: as found among the landmarks of the map.
            T_world_before: (4, 4) of the last frame that was believed, as the map has it now.
            sparse_map: the local map.
        """
        if pose.T_world_cam is None:
            return False
        if self._witness.confirms(pose, sparse_map, None, T_world_before):
            return True
        if self._before is None:
            return False
        before, ids = self._before
        ids = ids[ids != NO_LANDMARK]
        just_seen = sparse_map.landmarks.rows(ids[sparse_map.landmarks.contains(ids)])
        if self._witness.confirms(pose, sparse_map, [just_seen], T_world_before):
            return True
        T_before_now = se3.inverse(T_world_before) @ pose.T_world_cam
        if self._moved_so(before, view, T_before_now, _nearest(pose, sparse_map)):
            return True
        return self._resembles(view, pose, sparse_map, T_world_before)

    def recognises(self, view: View, pose: PoseEstimate, sparse_map: SparseMap) -> bool:
        """Tell whether the map supports the pose of a view of N features, wherever the camera was before."""
        if self._witness.confirms(pose, sparse_map):
            return True
        return self._resembles(view, pose, sparse_map, None)

    def doubt(self, view: View) -> None:
        """Keep a view whose pose was not found, or was not believed."""
        self._doubted = [*self._doubted, view][-MAX_DOUBTED:]

    def begin(self, sparse_map: SparseMap) -> tuple[StampedPose, ...]:
        """Take the keyframes of a first map as believed, and place the views that were lost before them."""
        first, last = sparse_map.keyframes[0], sparse_map.last_keyframe
        lost = self.believe(first.view, first.T_world_cam, first.landmark_ids, sparse_map)
        self.believe(last.view, last.T_world_cam, last.landmark_ids, sparse_map)
        return lost

    def believe(
        self, view: View, T_world_cam: Transform, landmark_ids: NDArray[np.int64], sparse_map: SparseMap
    ) -> tuple[StampedPose, ...]:
        """Take the next view as believed, and place those that were doubted just before it.

        Args:
            view: of N features.
            T_world_cam: (4, 4) its pose.
            landmark_ids: (N,) of each feature, NO_LANDMARK where it has none.
            sparse_map: the local map.

        Returns:
            Poses of views that were doubted, in time order.
        """
        doubted, self._doubted = self._doubted, []
        self._before = view, landmark_ids
        landmarks, placed, T_world_after = sparse_map.landmarks, list[StampedPose](), T_world_cam
        for earlier in reversed(doubted):
            pose = self._tracker.track(
                earlier.features, landmarks.points_world, landmarks.descriptors, T_world_after
            )
            if pose.T_world_cam is None or not self.believes(earlier, pose, T_world_after, sparse_map):
                break
            placed.append(StampedPose(earlier.frame_index, earlier.timestamp_ns, pose.T_world_cam))
            T_world_after = pose.T_world_cam
            self._before = earlier, sparse_map.ids_by_feature(earlier, pose.feature_index, pose.landmark_rows)
        self._before = view, landmark_ids
        return tuple(reversed(placed))

    def forget(self) -> None:
        """Know no believed frame any more: the segment is given up. The doubted may be found in the next."""
        self._before = None

    def _resembles(
        self, view: View, pose: PoseEstimate, sparse_map: SparseMap, T_world_before: Transform | None
    ) -> bool:
        if not self._witness.reaches(pose, sparse_map, T_world_before):
            return False
        nearest = _nearest(pose, sparse_map)
        return resembles(view, pose, sparse_map, self._matcher, self._camera, nearest)

    def _moved_so(self, before: View, view: View, T_before_now: Transform, nearest: float) -> bool:
        matches = self._matcher.match(before.features.descriptors, view.features.descriptors)
        return motion_agrees(
            before.features.pixels[matches.index0],
            view.features.pixels[matches.index1],
            len(view.features),
            T_before_now,
            self._camera,
            nearest,
        )


def depths_fit(view: View, pose: PoseEstimate, sparse_map: SparseMap) -> bool:
    """Tell whether the depths of a view, if it has any, fit the landmarks that it sees."""
    if view.depths is None or pose.T_world_cam is None:
        return True
    points_world = sparse_map.landmarks.points_world[pose.landmark_rows]
    points_cam = se3.transform_points(se3.inverse(pose.T_world_cam), points_world)
    return depths_agree(view.depths, pose.feature_index, points_cam[:, 2])


def _nearest(pose: PoseEstimate, sparse_map: SparseMap) -> float:
    assert pose.T_world_cam is not None
    points_world = sparse_map.landmarks.points_world[pose.landmark_rows]
    depths = se3.transform_points(se3.inverse(pose.T_world_cam), points_world)[:, 2]
    return NEAREST_SHARE * float(np.percentile(depths, 5))
