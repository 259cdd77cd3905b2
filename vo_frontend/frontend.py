"""The visual front-end: one frame in, one result out. READ THIS FIRST."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import MapEvent
from vo_frontend.mapping.calibration_check import CalibrationCheck
from vo_frontend.mapping.frames_between import FramesBetween
from vo_frontend.mapping.keyframe import View
from vo_frontend.mapping.local_relocalizer import LocalRelocalizer
from vo_frontend.mapping.map_start import MapStart
from vo_frontend.mapping.mapper import Mapper
from vo_frontend.mapping.pose_judge import PoseJudge, depths_fit
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.places.recollection import Recollection, Tracked
from vo_frontend.sensors.depth_meter import DepthMeter
from vo_frontend.tracking.frame_order import FrameOrder
from vo_frontend.tracking.keyframe_policy import KeyframePolicy
from vo_frontend.tracking.motion_model import ConstantVelocity
from vo_frontend.tracking.pose import PoseEstimate, PoseTracker
from vo_frontend.tracking.torn_image import TornImages
from vo_frontend.types import Features, Frame, FrameResult, Image, KeypointDepths, Reason, Status


@dataclass(frozen=True, slots=True)
class ExtractedFrame:
    """A frame with its features; no view where the image could not be decoded."""

    frame: Frame
    view: View | None
    stage_seconds: Mapping[str, float]  # wall time of extraction


class VisualFrontend:
    """Visual odometry on a local map of landmarks: monocular, or metric with measured depths.

    Deterministic: the same frames give the same results on CPU. Knows nothing of ground truth,
    viewers or files.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        depth_meter: DepthMeter | None,
        start: MapStart,
        tracker: PoseTracker,
        judge: PoseJudge,
        relocalizer: LocalRelocalizer,
        keyframe_policy: KeyframePolicy,
        mapper: Mapper,
        frames_between: FramesBetween,
        calibration_check: CalibrationCheck | None,
        recollection: Recollection,
        *,
        min_features: int,
        max_lost_s: float,
        first_landmark_id: int = 0,
    ) -> None:
        self.extractor = extractor
        self._depth_meter = depth_meter
        self._start = start
        self._tracker = tracker
        self._judge = judge
        self._relocalizer = relocalizer
        self._keyframe_policy = keyframe_policy
        self._mapper = mapper
        self._frames_between = frames_between
        self._calibration_check = calibration_check
        self._recollection = recollection
        self._order = FrameOrder()
        self._torn = TornImages()
        self._min_features = min_features
        self._max_lost_s = max_lost_s
        self.sparse_map: SparseMap | None = None
        self._motion: ConstantVelocity | None = None
        self._segment_id = 0
        self._next_landmark_id = first_landmark_id
        self._last_tracked: FrameResult | None = None

    def process(self, frame: Frame) -> FrameResult:
        """Estimate the pose of one frame and, on keyframes, extend the map."""
        return self.track(self.extract(frame))

    def extract(self, frame: Frame) -> ExtractedFrame:
        """Detect and describe keypoints. Needs this frame alone, so it may run ahead in another thread."""
        if frame.image is None:
            return ExtractedFrame(frame, None, {})
        stages: dict[str, float] = {}
        with _timed(stages, "extract"):
            features, depths = self._measure(frame, frame.image)
            view = View.of(frame, frame.image, features, depths)
        return ExtractedFrame(frame, view, stages)

    def track(self, extracted: ExtractedFrame) -> FrameResult:
        """Place the features in the map and, on keyframes, grow it. Called frame by frame, in order."""
        view, stages = extracted.view, dict(extracted.stage_seconds)
        view = view and view.where(self._torn.current(view.features))
        blank = self._blank_result(extracted.frame, view, stages)
        stale = self._order.check(blank.timestamp_ns, view.features if view else None)
        if stale is not Reason.NONE:
            return self._repeat(blank, stale)
        if view is None:
            return self._without_pose(blank, Reason.BAD_IMAGE)
        if len(view.features) < self._min_features:
            return self._without_pose(blank, Reason.TOO_FEW_FEATURES)
        resumed = None
        if self.sparse_map is None:
            blank, resumed = self._resume(blank, view)
        if self.sparse_map is None or self._motion is None:
            return self._start_map(blank, view, stages)

        with _timed(stages, "track"):
            pose = self._place(view, self.sparse_map, self._motion) if resumed is None else resumed
        blank = replace(blank, num_matches=pose.num_matches, num_inliers=pose.num_inliers)
        if pose.T_world_cam is None:
            self._judge.doubt(view)
            return self._without_pose(blank, pose.reason)
        if not depths_fit(view, pose, self.sparse_map):
            view, blank = replace(view, depths=None), replace(blank, reason=Reason.WRONG_DEPTHS)
        self._motion = self._motion.updated(view.timestamp_s, pose.T_world_cam, view.attitude)
        self.sparse_map.note_tracked(pose.expected_rows, pose.landmark_rows)
        landmark_ids = self.sparse_map.ids_by_feature(view, pose.feature_index, pose.landmark_rows)
        doubted = self._judge.believe(view, pose.T_world_cam, landmark_ids, self.sparse_map)
        blank = replace(blank, backfilled=doubted)
        makes_keyframe = self._wants_keyframe(self.sparse_map, view, landmark_ids)
        now = Tracked(pose.T_world_cam, landmark_ids)
        if self._recollection.is_due(makes_keyframe=makes_keyframe) and not doubted:  # they would stay behind
            with _timed(stages, "look back"):
                now = self._recollection.go_on(self.sparse_map, now, makes_keyframe=makes_keyframe)
            self._motion = self._motion.corrected(now.T_world_cam)
            blank = blank if makes_keyframe else _with_map(blank, self.sparse_map)
        if not makes_keyframe:
            self._frames_between.add(view, now.T_world_cam, now.landmark_ids, self.sparse_map)
            return self._with_pose(blank, now.T_world_cam, now.landmark_ids)
        with _timed(stages, "map"):
            self._grow_map(self.sparse_map, view, now)
        with _timed(stages, "look back"):
            self._recollection.look_back(self.sparse_map)
        self._motion = self._motion.corrected(self.sparse_map.last_keyframe.T_world_cam)
        return self._with_keyframe(blank, self.sparse_map)

    def finish(self, stop: Callable[[], bool] = lambda: False) -> tuple[MapEvent, ...]:
        """Adjust all that is known of the current segment; call it after the last frame."""
        if self.sparse_map is None:
            return ()
        self._recollection.settle(self.sparse_map, stop)
        return self.sparse_map.take_events()

    def _measure(self, frame: Frame, image: Image) -> tuple[Features, KeypointDepths | None]:
        """Extract features, of two images as one batch, and measure depths at those of the first."""
        if self._depth_meter is None:
            return self.extractor.extract(image), None
        second_image = self._depth_meter.second_image(frame)
        if second_image is None:
            features = self.extractor.extract(image)
            return features, self._depth_meter.measure(frame, features, None)
        features, second = self.extractor.extract_batch([image, second_image])
        return features, self._depth_meter.measure(frame, features, second)

    def _place(self, view: View, sparse_map: SparseMap, motion: ConstantVelocity) -> PoseEstimate:
        """Track from the prediction; where that is not believed, look in the local map, then everywhere."""
        landmarks = sparse_map.landmarks
        guess = motion.predict(view.timestamp_s, view.attitude)
        pose = self._tracker.track(view.features, landmarks.points_world, landmarks.descriptors, guess)
        if self._judge.believes(view, pose, motion.T_world_cam, sparse_map):
            return pose
        local = self._relocalizer.relocalize(view, sparse_map)
        if local.T_world_cam is not None:
            return local
        found = self._recollection.find(view, sparse_map)
        if found.T_world_cam is not None:
            return found
        if pose.T_world_cam is None:
            return local
        return replace(pose, reason=Reason.UNCONFIRMED, T_world_cam=None)

    def _resume(self, blank: FrameResult, view: View) -> tuple[FrameResult, PoseEstimate | None]:
        """Go on in an earlier segment where the view, as the one before it, shows a place of it."""
        resumed = self._recollection.resume(view, self._next_landmark_id)
        if resumed is None:
            return blank, None
        self.sparse_map, pose = resumed
        assert pose.T_world_cam is not None
        self._motion = ConstantVelocity(view.timestamp_s, pose.T_world_cam, view.attitude)
        return replace(blank, segment_id=self.sparse_map.segment_id), pose

    def _start_map(self, blank: FrameResult, view: View, stages: dict[str, float]) -> FrameResult:
        """Offer the view to the start; a first map begins a segment."""
        with _timed(stages, "start"):
            outcome = self._start.offer(view, self._segment_id, self._next_landmark_id)
        blank = replace(blank, num_matches=outcome.num_matches)
        if outcome.sparse_map is None or outcome.T_world_cam is None:
            return self._without_pose(blank, outcome.reason)
        self.sparse_map = outcome.sparse_map
        self._motion = ConstantVelocity(view.timestamp_s, outcome.T_world_cam, view.attitude)
        waited = outcome.backfilled
        if waited:
            before = waited[-1]
            self._motion = ConstantVelocity(before.timestamp_ns * 1e-9, before.T_world_cam).updated(
                view.timestamp_s, outcome.T_world_cam, view.attitude
            )
        lost = self._judge.begin(self.sparse_map)
        blank = replace(blank, num_inliers=len(self.sparse_map.landmarks), backfilled=(*lost, *waited))
        return self._with_keyframe(blank, self.sparse_map)

    def _grow_map(self, sparse_map: SparseMap, view: View, now: Tracked) -> None:
        """Make the view a keyframe, give it landmarks of its own, and adjust the window, once a frame."""
        sparse_map.add_keyframe(view, now.T_world_cam, now.landmark_ids)
        self._mapper.extend(sparse_map)
        if not now.is_adjusted:
            self._mapper.improve(sparse_map)
        self._frames_between.place_again(sparse_map)
        if self._calibration_check is not None:
            self._calibration_check.look_at(sparse_map)

    def _wants_keyframe(self, sparse_map: SparseMap, view: View, landmark_ids: NDArray[np.int64]) -> bool:
        last = sparse_map.last_keyframe
        num_seen = int(last.has_landmark.sum())
        return self._keyframe_policy.wants(num_seen, *last.shared_pixels(view, landmark_ids))

    def _blank_result(self, frame: Frame, view: View | None, stages: dict[str, float]) -> FrameResult:
        """Say of a frame what holds before anything is estimated."""
        return FrameResult(
            frame_index=frame.index,
            timestamp_ns=frame.timestamp_ns,
            status=Status.INITIALIZING if self.sparse_map is None else Status.LOST,
            reason=Reason.NONE,
            segment_id=self._segment_id if self.sparse_map is None else self.sparse_map.segment_id,
            T_world_cam=None,
            num_features=len(view.features) if view else 0,
            pixels=view.features.pixels if view else None,
            stage_seconds=stages,
        )

    def _with_keyframe(self, blank: FrameResult, sparse_map: SparseMap) -> FrameResult:
        """Report the newest keyframe, as the map has it now, and what has happened to the map."""
        blank, newest = _with_map(blank, sparse_map), sparse_map.last_keyframe
        return self._with_pose(replace(blank, is_keyframe=True), newest.T_world_cam, newest.landmark_ids)

    def _with_pose(
        self, blank: FrameResult, T_world_cam: Transform, landmark_ids: NDArray[np.int64]
    ) -> FrameResult:
        """Report a pose, and remember it for a frame that repeats this one."""
        self._last_tracked = replace(
            blank, status=Status.TRACKING, T_world_cam=T_world_cam, landmark_ids=landmark_ids
        )
        return self._last_tracked

    def _repeat(self, blank: FrameResult, reason: Reason) -> FrameResult:
        """Answer a frame that brings nothing new: a first repetition is its original, others have no pose."""
        original = self._last_tracked
        if original is None or original.timestamp_ns != self._order.original_ns:
            return self._without_pose(blank, reason)
        return replace(
            blank,
            status=Status.TRACKING,
            reason=reason,
            T_world_cam=original.T_world_cam,
            landmark_ids=original.landmark_ids,
            num_matches=original.num_matches,
            num_inliers=original.num_inliers,
        )

    def _without_pose(self, blank: FrameResult, reason: Reason) -> FrameResult:
        """Say why there is no pose; after too long without one, give the segment up."""
        result = replace(blank, reason=reason)
        if self.sparse_map is None or self._motion is None:
            return result
        if result.timestamp_ns * 1e-9 - self._motion.timestamp_s <= self._max_lost_s:
            return result
        self._recollection.complete(self.sparse_map)
        self.sparse_map.end()
        self._next_landmark_id = self.sparse_map.next_landmark_id
        result = replace(result, map=self.sparse_map.snapshot(), events=self.sparse_map.take_events())
        self.sparse_map = self._motion = self._last_tracked = None
        self._judge.forget()
        self._segment_id += 1
        return result


def _with_map(blank: FrameResult, sparse_map: SparseMap) -> FrameResult:
    """Add the map as it is now, and what has happened to it."""
    snapshot = sparse_map.snapshot()
    return replace(blank, segment_id=snapshot.segment_id, map=snapshot, events=sparse_map.take_events())


@contextmanager
def _timed(stages: dict[str, float], name: str) -> Iterator[None]:
    begin_s = time.perf_counter()
    try:
        yield
    finally:
        stages[name] = stages.get(name, 0.0) + time.perf_counter() - begin_s
