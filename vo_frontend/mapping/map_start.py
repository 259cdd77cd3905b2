"""Starting a monocular map: wait for parallax against a reference view, then build the first map."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.keeper import Keeper
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.mapper import Mapper
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.pose import PoseTracker
from vo_frontend.tracking.two_view import TwoViewInitializer
from vo_frontend.types import Reason, StampedPose

# Of the keypoints of a view: first maps of KITTI, TUM, 7-Scenes and the built-in street have 18 % and more.
# Those from views that hardly overlap, as after a cut, have 9 to 11 %, and motions that are 5 to 13 deg off.
MIN_LANDMARK_SHARE = 0.125
NOT_BY_THIS_VIEW = (
    Reason.TOO_FEW_MATCHES,
    Reason.DEGENERATE_GEOMETRY,
)  # another one may do; more parallax none


@dataclass(frozen=True, slots=True)
class StartOutcome:
    """Holds a first map with the poses of the frames that waited, or the reason to go on waiting."""

    reason: Reason
    num_matches: int = 0
    sparse_map: SparseMap | None = None
    T_world_cam: Transform | None = None  # of the view that completed the start
    backfilled: tuple[StampedPose, ...] = ()  # the views that waited


class MapStart(Protocol):
    """Turns one or several views into a first map."""

    def offer(self, view: View, segment_id: int, first_landmark_id: int) -> StartOutcome:
        """Take the next view; return a first map, or the reason to go on waiting."""
        ...


class MonoStart:
    """Collects views of one camera until two-view geometry of an earlier one and the latest succeeds."""

    def __init__(
        self,
        matcher: Matcher,
        initializer: TwoViewInitializer,
        tracker: PoseTracker,
        mapper: Mapper,
        *,
        min_matches: int,
        max_wait_frames: int,
        max_keyframes: int,
        keeper: Keeper,
    ) -> None:
        self._matcher = matcher
        self._initializer = initializer
        self._tracker = tracker
        self._mapper = mapper
        self._min_matches = min_matches
        self._max_wait_frames = max_wait_frames
        self._max_keyframes = max_keyframes
        self._keeper = keeper
        self._views: list[View] = []  # that wait, in time order
        self._segment_id = -1  # that they are to start

    def offer(self, view: View, segment_id: int, first_landmark_id: int) -> StartOutcome:
        """Try to start a map from a new view and one that waits: the first, else the one halfway.

        The first has most parallax; where it is blurred, or a bend has left too little of it in sight,
        another serves better.
        """
        if segment_id != self._segment_id:  # an earlier segment went on meanwhile
            self._views, self._segment_id = [], segment_id
        if not self._views or len(self._views) > self._max_wait_frames:
            self._views = [view]
            return StartOutcome(Reason.FIRST_VIEW)
        empty_map = SparseMap(
            segment_id,
            max_keyframes=self._max_keyframes,
            descriptor_size=view.features.descriptors.shape[1],
            first_landmark_id=first_landmark_id,
            keeper=self._keeper,
        )
        outcome = self._start_from(0, view, empty_map)
        if len(self._views) > 1 and outcome.reason in NOT_BY_THIS_VIEW:
            halfway = self._start_from(len(self._views) // 2, view, empty_map)
            if outcome.reason is halfway.reason is Reason.TOO_FEW_MATCHES:
                self._views = []
            outcome = outcome if halfway.sparse_map is None else halfway
        elif outcome.reason is Reason.TOO_FEW_MATCHES:
            self._views = []
        self._views = [*self._views, view] if outcome.sparse_map is None else []
        return outcome

    def _start_from(self, position: int, view: View, empty_map: SparseMap) -> StartOutcome:
        """Try to start a map, empty until then, from the waiting view at ``position`` and a new one."""
        reference = self._views[position]
        matches = self._matcher.match(reference.features.descriptors, view.features.descriptors)
        if len(matches) < self._min_matches:
            return StartOutcome(Reason.TOO_FEW_MATCHES, len(matches))
        pixels0 = reference.features.pixels[matches.index0].astype(np.float64)
        pixels1 = view.features.pixels[matches.index1].astype(np.float64)
        start = self._initializer.start(pixels0, pixels1)
        if start.T_cam0_cam1 is None or start.points_cam0 is None:
            return StartOutcome(start.reason, len(matches))
        sound = np.isfinite(start.points_cam0).all(axis=1)
        if sound.sum() < MIN_LANDMARK_SHARE * min(len(reference.features), len(view.features)):
            return StartOutcome(Reason.TOO_FEW_MATCHES, len(matches))
        sparse_map = self._first_map(
            empty_map,
            (reference, view),
            start.T_cam0_cam1,
            start.points_cam0[sound],
            (matches.index0[sound], matches.index1[sound]),
        )
        T_world_cam = sparse_map.last_keyframe.T_world_cam
        backfilled = self._backfill(sparse_map, position)
        return StartOutcome(Reason.NONE, len(matches), sparse_map, T_world_cam, backfilled)

    def _first_map(
        self,
        sparse_map: SparseMap,
        views: tuple[View, View],
        T_cam0_cam1: Transform,
        points_cam0: NDArray[np.float64],
        feature_index: tuple[NDArray[np.int64], NDArray[np.int64]],
    ) -> SparseMap:
        """Build the map. World: the reference camera. Unit: the median depth of the first landmarks."""
        scale = 1.0 / float(np.median(points_cam0[:, 2]))
        T_world_cam1 = T_cam0_cam1.copy()
        T_world_cam1[:3, 3] *= scale
        for view, T_world_cam in zip(views, (np.eye(4), T_world_cam1), strict=True):
            no_landmarks = np.full(len(view.features), NO_LANDMARK, np.int64)
            sparse_map.add_keyframe(view, T_world_cam, no_landmarks)
        sparse_map.add_landmarks(points_cam0 * scale, [(0, feature_index[0]), (1, feature_index[1])])
        self._mapper.adjust(sparse_map)
        return sparse_map

    def _backfill(self, sparse_map: SparseMap, position: int) -> tuple[StampedPose, ...]:
        """Estimate the poses of the waiting views: the reference is the origin, PnP places the others."""
        reference = self._views[position]
        origin = StampedPose(reference.frame_index, reference.timestamp_ns, np.eye(4))
        earlier = self._place_in_turn(sparse_map, self._views[:position][::-1])
        later = self._place_in_turn(sparse_map, self._views[position + 1 :])
        return (*reversed(earlier), origin, *later)

    def _place_in_turn(self, sparse_map: SparseMap, views: list[View]) -> list[StampedPose]:
        """Place views one after the other, from the origin on; those that cannot be placed are left out."""
        landmarks, poses, T_world_cam = sparse_map.landmarks, list[StampedPose](), np.eye(4)
        for view in views:
            pose = self._tracker.track(
                view.features, landmarks.points_world, landmarks.descriptors, T_world_cam
            )
            if pose.T_world_cam is not None:
                T_world_cam = pose.T_world_cam
                poses.append(StampedPose(view.frame_index, view.timestamp_ns, T_world_cam))
        return poses
