"""The visual front-end: one frame in, one result out. READ THIS FIRST."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.calibration_check import CalibrationCheck
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.map_start import MapStart
from vo_frontend.mapping.mapper import Mapper
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.sensors.depth_meter import DepthMeter
from vo_frontend.tracking.frame_order import FrameOrder
from vo_frontend.tracking.keyframe_policy import KeyframePolicy
from vo_frontend.tracking.motion_model import ConstantVelocity
from vo_frontend.tracking.pose import PoseEstimate, PoseTracker
from vo_frontend.types import Frame, FrameResult, Reason, Status


@dataclass(frozen=True, slots=True)
class ExtractedFrame:
    """A frame with its features; no view where the image could not be decoded."""

    frame: Frame
    view: View | None
    seconds: float  # that extraction took


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
        keyframe_policy: KeyframePolicy,
        mapper: Mapper,
        calibration_check: CalibrationCheck,
        *,
        min_features: int,
        max_lost_s: float,
    ) -> None:
        self.extractor = extractor
        self._depth_meter = depth_meter
        self._start = start
        self._tracker = tracker
        self._keyframe_policy = keyframe_policy
        self._mapper = mapper
        self._calibration_check = calibration_check
        self._order = FrameOrder()
        self._min_features = min_features
        self._max_lost_s = max_lost_s
        self.sparse_map: SparseMap | None = None
        self._motion: ConstantVelocity | None = None
        self._segment_id = 0

    def process(self, frame: Frame) -> FrameResult:
        """Estimate the pose of one frame and, on keyframes, extend the map."""
        return self.track(self.extract(frame))

    def extract(self, frame: Frame) -> ExtractedFrame:
        """First half: depends on this frame alone, so it may run ahead in another thread."""
        if frame.image is None:
            return ExtractedFrame(frame, None, 0.0)
        begin_s = time.perf_counter()
        features = self.extractor.extract(frame.image)
        depths = None if self._depth_meter is None else self._depth_meter.measure(frame, features)
        view = View.of(frame, frame.image, features, depths)
        return ExtractedFrame(frame, view, time.perf_counter() - begin_s)

    def track(self, extracted: ExtractedFrame) -> FrameResult:
        """Second half, frame by frame in order: place the features in the map, grow the map."""
        frame, view = extracted.frame, extracted.view
        stale = self._order.check(frame.timestamp_ns, view.features if view else None)
        if stale is not Reason.NONE:
            return self._stale(frame, stale, {"extract": extracted.seconds})
        if view is None:
            return self._without_pose(frame, Reason.BAD_IMAGE, {})
        features, stages = view.features, {"extract": extracted.seconds}
        if len(features) < self._min_features:
            return self._without_pose(frame, Reason.TOO_FEW_FEATURES, stages, len(features))
        if self.sparse_map is None or self._motion is None:
            return self._initialize(frame, view, stages)

        with _timed(stages, "track"):
            pose = self._place(view, self.sparse_map, self._motion.predict(frame.timestamp_s))
        if pose.T_world_cam is None:
            return self._without_pose(frame, pose.reason, stages, len(features), pose.num_matches)
        self._motion = self._motion.updated(frame.timestamp_s, pose.T_world_cam)
        self.sparse_map.note_tracked(pose.expected_rows, pose.landmark_rows)
        landmark_ids = np.full(len(features), NO_LANDMARK, np.int64)
        landmark_ids[pose.feature_index] = self.sparse_map.landmarks.ids[pose.landmark_rows]
        T_world_cam = pose.T_world_cam
        is_keyframe = self._wants_keyframe(self.sparse_map, view, landmark_ids)
        if is_keyframe:
            with _timed(stages, "map"):
                self.sparse_map.add_keyframe(view, T_world_cam, landmark_ids)
                self._mapper.extend(self.sparse_map)
                self._calibration_check.look_at(self.sparse_map)
                T_world_cam = self.sparse_map.last_keyframe.T_world_cam
                self._motion = self._motion.corrected(T_world_cam)
        return FrameResult(
            frame.index,
            frame.timestamp_ns,
            Status.TRACKING,
            Reason.NONE,
            self._segment_id,
            T_world_cam,
            num_features=len(features),
            num_matches=pose.num_matches,
            num_inliers=pose.num_inliers,
            is_keyframe=is_keyframe,
            stage_seconds=stages,
            map=self.sparse_map.snapshot() if is_keyframe else None,
        )

    def _place(self, view: View, sparse_map: SparseMap, T_world_cam_guess: Transform) -> PoseEstimate:
        """Track from the prediction; where that fails, relocalize in the local map, newest view first."""
        landmarks = sparse_map.landmarks
        known = view.features, landmarks.points_world, landmarks.descriptors
        newest_first = reversed(sparse_map.keyframes)
        pose = self._tracker.track(*known, T_world_cam_guess)
        if pose.T_world_cam is not None:
            return pose
        views = ((k.features.descriptors[k.has_landmark], sparse_map.rows_seen_by(k)) for k in newest_first)
        return self._tracker.relocalize(*known, views)

    def _initialize(self, frame: Frame, view: View, stages: dict[str, float]) -> FrameResult:
        with _timed(stages, "start"):
            outcome = self._start.offer(view, self._segment_id)
        num_features = len(view.features)
        if outcome.sparse_map is None or outcome.T_world_cam is None:
            return self._without_pose(frame, outcome.reason, stages, num_features, outcome.num_matches)
        self.sparse_map = outcome.sparse_map
        self._motion = ConstantVelocity(frame.timestamp_s, outcome.T_world_cam)
        if outcome.backfilled:
            before = outcome.backfilled[-1]
            self._motion = ConstantVelocity(before.timestamp_ns * 1e-9, before.T_world_cam).updated(
                frame.timestamp_s, outcome.T_world_cam
            )
        return FrameResult(
            frame.index,
            frame.timestamp_ns,
            Status.TRACKING,
            Reason.NONE,
            self._segment_id,
            outcome.T_world_cam,
            num_features=num_features,
            num_matches=outcome.num_matches,
            num_inliers=len(self.sparse_map.landmarks),
            is_keyframe=True,
            backfilled=outcome.backfilled,
            stage_seconds=stages,
            map=self.sparse_map.snapshot(),
        )

    def _stale(self, frame: Frame, reason: Reason, stages: dict[str, float]) -> FrameResult:
        """A frame that brings nothing new: a first repetition has the pose of its original, others none."""
        original_ns, motion = self._order.original_ns, self._motion
        if original_ns is None or motion is None or motion.timestamp_s != original_ns * 1e-9:
            return self._without_pose(frame, reason, stages)
        return FrameResult(
            frame.index,
            frame.timestamp_ns,
            Status.TRACKING,
            reason,
            self._segment_id,
            motion.T_world_cam,
            stage_seconds=stages,
        )

    def _without_pose(
        self,
        frame: Frame,
        reason: Reason,
        stages: dict[str, float],
        num_features: int = 0,
        num_matches: int = 0,
    ) -> FrameResult:
        """Say why there is no pose; after too long without one, give the segment up."""
        segment_id, snapshot = self._segment_id, None
        status = Status.INITIALIZING if self.sparse_map is None else Status.LOST
        if self.sparse_map is not None and self._lost_for_s(frame) > self._max_lost_s:
            snapshot = self.sparse_map.snapshot(retire_all=True)
            self.sparse_map, self._motion = None, None
            self._segment_id += 1
        return FrameResult(
            frame.index,
            frame.timestamp_ns,
            status,
            reason,
            segment_id,
            None,
            num_features=num_features,
            num_matches=num_matches,
            stage_seconds=stages,
            map=snapshot,
        )

    def _lost_for_s(self, frame: Frame) -> float:
        return 0.0 if self._motion is None else frame.timestamp_s - self._motion.timestamp_s

    def _wants_keyframe(self, sparse_map: SparseMap, view: View, landmark_ids: NDArray[np.int64]) -> bool:
        last = sparse_map.last_keyframe
        seen = last.landmark_ids[last.landmark_ids != NO_LANDMARK]
        _, in_last, in_view = np.intersect1d(last.landmark_ids, landmark_ids, return_indices=True)
        shared = last.landmark_ids[in_last] != NO_LANDMARK
        return self._keyframe_policy.wants(
            len(seen), last.features.pixels[in_last[shared]], view.features.pixels[in_view[shared]]
        )


@contextmanager
def _timed(stages: dict[str, float], name: str) -> Iterator[None]:
    begin = time.perf_counter()
    try:
        yield
    finally:
        stages[name] = time.perf_counter() - begin
