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


@dataclass(frozen=True, slots=True)
class StartOutcome:
    """Holds a first map with the poses of the frames that waited, or the reason to go on waiting."""

    reason: Reason
    num_matches: int = 0
    sparse_map: SparseMap | None = None
    T_world_cam: Transform | None = None  # of the view that completed the start
    backfilled: tuple[StampedPose, ...] = ()  # the reference view and those in between


class MapStart(Protocol):
    """Turns one or several views into a first map."""

    def offer(self, view: View, segment_id: int, first_landmark_id: int) -> StartOutcome:
        """Take the next view; return a first map, or the reason to go on waiting."""
        ...


class MonoStart:
    """Collects views of one camera until two-view geometry of the first and the latest succeeds."""

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
        self._views: list[View] = []  # reference first
        self._segment_id = -1  # that they are to start

    def offer(self, view: View, segment_id: int, first_landmark_id: int) -> StartOutcome:
        """Try to start a map from the reference view and a new one."""
        if segment_id != self._segment_id:  # an earlier segment went on meanwhile
            self._views, self._segment_id = [], segment_id
        if not self._views or len(self._views) > self._max_wait_frames:
            self._views = [view]
            return StartOutcome(Reason.FIRST_VIEW)
        reference = self._views[0]
        matches = self._matcher.match(reference.features.descriptors, view.features.descriptors)
        if len(matches) < self._min_matches:
            self._views = [view]
            return StartOutcome(Reason.TOO_FEW_MATCHES, len(matches))
        pixels0 = reference.features.pixels[matches.index0].astype(np.float64)
        pixels1 = view.features.pixels[matches.index1].astype(np.float64)
        start = self._initializer.start(pixels0, pixels1)
        if start.T_cam0_cam1 is None or start.points_cam0 is None:
            self._views.append(view)
            return StartOutcome(start.reason, len(matches))

        sound = np.isfinite(start.points_cam0).all(axis=1)
        empty_map = SparseMap(
            segment_id,
            max_keyframes=self._max_keyframes,
            descriptor_size=view.features.descriptors.shape[1],
            first_landmark_id=first_landmark_id,
            keeper=self._keeper,
        )
        sparse_map = self._first_map(
            empty_map,
            (reference, view),
            start.T_cam0_cam1,
            start.points_cam0[sound],
            (matches.index0[sound], matches.index1[sound]),
        )
        backfilled = self._backfill(sparse_map, self._views)
        self._views = []
        T_world_cam = sparse_map.last_keyframe.T_world_cam
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

    def _backfill(self, sparse_map: SparseMap, views: list[View]) -> tuple[StampedPose, ...]:
        """Estimate the poses of the waiting views: the reference is the origin, PnP places the others."""
        reference, landmarks = views[0], sparse_map.landmarks
        poses = [StampedPose(reference.frame_index, reference.timestamp_ns, np.eye(4))]
        for view in views[1:]:
            estimate = self._tracker.track(
                view.features, landmarks.points_world, landmarks.descriptors, poses[-1].T_world_cam
            )
            if estimate.T_world_cam is not None:
                poses.append(StampedPose(view.frame_index, view.timestamp_ns, estimate.T_world_cam))
        return tuple(poses)
