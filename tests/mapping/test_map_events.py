"""The map tells what changes: whoever listens can rebuild it."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from world import CAMERA, WorldExtractor, frames, make_world, sideways

from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import (
    KeyframeAdded,
    KeyframesMoved,
    LandmarksAdded,
    LandmarksMerged,
    LandmarksMoved,
    LandmarksRemoved,
    LandmarksRetired,
    MapEvent,
    SegmentBegun,
    SegmentEnded,
)
from vo_frontend.session.build import build_frontend
from vo_frontend.types import FrameResult

NUM_FRAMES = 30
SMALL_WINDOW = [
    "mapping.max_keyframes=6",
    "mapping.adjusted_keyframes=4",
    "keyframes.max_tracked_share=1.0",
    "keyframes.min_motion_px=1.0",
]


@dataclass
class Listener:
    """Rebuilds the map from nothing but events."""

    points: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    keyframes: dict[int, Transform] = field(default_factory=dict)
    retired: set[int] = field(default_factory=set)
    segments: list[str] = field(default_factory=list)

    def hear(self, event: MapEvent) -> None:
        if isinstance(event, SegmentBegun):
            self.segments.append(f"begun {event.segment_id}")
        elif isinstance(event, SegmentEnded):
            self.segments.append(f"ended {event.segment_id}")
        elif isinstance(event, KeyframeAdded):
            assert event.frame_index not in self.keyframes
            self.keyframes[event.frame_index] = event.T_world_cam
        elif isinstance(event, KeyframesMoved):
            for index, T_world_cam in zip(event.frame_indices.tolist(), event.T_world_cam, strict=True):
                assert index in self.keyframes
                self.keyframes[index] = T_world_cam
        elif isinstance(event, LandmarksAdded | LandmarksMoved):
            is_new = isinstance(event, LandmarksAdded)
            for landmark_id, point in zip(event.ids.tolist(), event.points_world, strict=True):
                assert (landmark_id not in self.points) is is_new
                self.points[landmark_id] = point
        elif isinstance(event, LandmarksMerged):
            assert set(event.kept_ids.tolist()) <= self.points.keys()
            self.drop(event.gone_ids)
        elif isinstance(event, LandmarksRemoved):
            self.drop(event.ids)
        elif isinstance(event, LandmarksRetired):
            for landmark_id, point in zip(event.ids.tolist(), event.points_world, strict=True):
                assert_array_equal(self.points[landmark_id], point)
            self.drop(event.ids)
            self.retired.update(event.ids.tolist())

    def drop(self, ids: NDArray[np.int64]) -> None:
        for landmark_id in ids.tolist():
            del self.points[landmark_id]


def drive(settings: list[str], bad: frozenset[int] = frozenset()) -> list[FrameResult]:
    extractor = WorldExtractor(make_world(num_points=900), sideways(NUM_FRAMES), 0.2)
    frontend = build_frontend(override(Config(), settings), CAMERA, extractor)
    return [frontend.process(frame) for frame in frames(NUM_FRAMES, bad=bad)]


def test_events_alone_rebuild_the_map_after_every_keyframe() -> None:
    listener, kinds = Listener(), set()
    for result in drive(SMALL_WINDOW):
        for event in result.events:
            listener.hear(event)
            kinds.add(type(event))
        if result.map is None:
            continue
        found = dict(zip(result.map.landmark_ids.tolist(), result.map.points_world, strict=True))
        assert found.keys() == listener.points.keys()
        assert_array_equal(np.array(list(found.values())), np.array([listener.points[i] for i in found]))
        for index, T_world_cam in zip(
            result.map.keyframe_indices.tolist(), result.map.T_world_keyframes, strict=True
        ):
            assert_array_equal(listener.keyframes[index], T_world_cam)
    assert listener.segments == ["begun 0"]
    assert listener.retired
    assert kinds >= {KeyframesMoved, LandmarksMoved, LandmarksRetired, LandmarksAdded}


def test_frames_that_are_no_keyframes_change_nothing() -> None:
    results = drive([])
    assert any(not result.is_keyframe for result in results[5:])
    assert all(not result.events for result in results if not result.is_keyframe)


def test_a_segment_that_is_given_up_retires_what_it_holds_and_says_so() -> None:
    results = drive(["tracking.max_lost_s=0.25"], bad=frozenset(range(15, 25)))
    listener = Listener()
    for result in results:
        for event in result.events:
            listener.hear(event)
            if isinstance(event, SegmentEnded):
                assert not listener.points
                assert len(listener.retired) > 100
                listener = replace(listener, retired=set(), points={})
    assert listener.segments[:3] == ["begun 0", "ended 0", "begun 1"]


def test_every_keypoint_is_told_with_the_landmark_that_it_sees() -> None:
    results = drive([])[5:]
    assert {result.is_keyframe for result in results} == {True, False}
    for result in results:
        assert result.pixels is not None
        assert result.landmark_ids is not None
        assert result.pixels.shape == (result.num_features, 2)
        assert result.landmark_ids.shape == (result.num_features,)
        if result.is_keyframe:
            assert result.map is not None
            seen = result.landmark_ids[result.landmark_ids >= 0]
            assert np.isin(seen, result.map.landmark_ids).all()
        else:
            assert (result.landmark_ids >= 0).sum() == result.num_inliers
