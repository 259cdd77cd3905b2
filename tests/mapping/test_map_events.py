"""The map tells what changes: whoever listens can rebuild it."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from world import CAMERA, WorldExtractor, carousel, frames, make_ring, make_world, sideways

from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.formats.ply import vertices_of
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.geometry.alignment import align
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import (
    KeyframeAdded,
    KeyframeMerged,
    KeyframesMoved,
    LandmarksAdded,
    LandmarksMerged,
    LandmarksMoved,
    LandmarksRecalled,
    LandmarksRemoved,
    LandmarksRetired,
    LoopClosed,
    MapEvent,
    SegmentBegun,
    SegmentEnded,
    SegmentJoined,
)
from vo_frontend.mapping.records import Records
from vo_frontend.reports.point_cloud import MAP_NAME, PointCloudSink
from vo_frontend.reports.sink import Sink
from vo_frontend.reports.trajectory_files import (
    ONLINE_FILES,
    TUM_NAME,
    OnlineTrajectorySink,
    TrajectorySink,
)
from vo_frontend.session.build import build_frontend
from vo_frontend.types import FrameResult

NUM_FRAMES = 30
NUM_ROUND_FRAMES, FRAMES_PER_ROUND = 80, 48
SMALL_WINDOW = [
    "mapping.max_keyframes=6",
    "mapping.adjusted_keyframes=4",
    "keyframes.max_tracked_share=1.0",
    "keyframes.min_motion_px=1.0",
]


@dataclass
class Listener:
    """Rebuilds the whole map, what has left it included, from nothing but events."""

    points: dict[int, NDArray[np.float64]] = field(default_factory=dict)  # of the local map
    retired: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    keyframes: dict[int, Transform] = field(default_factory=dict)
    segment_of_landmark: dict[int, int] = field(default_factory=dict)
    segment_of_keyframe: dict[int, int] = field(default_factory=dict)
    segments: list[str] = field(default_factory=list)
    loops: list[LoopClosed] = field(default_factory=list)

    def hear(self, event: MapEvent) -> None:
        if isinstance(event, SegmentBegun):
            self.segments.append(f"begun {event.segment_id}")
        elif isinstance(event, SegmentEnded):
            self.segments.append(f"ended {event.segment_id}")
        elif isinstance(event, SegmentJoined):
            self.join(event)
        elif isinstance(event, KeyframeAdded):
            assert event.frame_index not in self.keyframes
            self.keyframes[event.frame_index] = event.T_world_cam
            self.segment_of_keyframe[event.frame_index] = event.segment_id
        elif isinstance(event, KeyframesMoved):
            for index, T_world_cam in zip(event.frame_indices.tolist(), event.T_world_cam, strict=True):
                assert index in self.keyframes
                self.keyframes[index] = T_world_cam
        elif isinstance(event, KeyframeMerged):
            assert self.segment_of_keyframe[event.into_frame_index] == event.segment_id
            del self.keyframes[event.frame_index]
        elif isinstance(event, LoopClosed):
            assert_array_equal(self.keyframes[event.new_index], event.T_after)
            assert self.segment_of_keyframe[event.old_index] == event.segment_id
            self.loops.append(event)
        else:
            self.hear_of_landmarks(event)

    def hear_of_landmarks(self, event: MapEvent) -> None:
        if isinstance(event, LandmarksAdded):
            for landmark_id, point in zip(event.ids.tolist(), event.points_world, strict=True):
                assert landmark_id not in self.segment_of_landmark
                self.points[landmark_id] = point
                self.segment_of_landmark[landmark_id] = event.segment_id
        elif isinstance(event, LandmarksMoved):
            for landmark_id, point in zip(event.ids.tolist(), event.points_world, strict=True):
                (self.points if landmark_id in self.points else self.retired)[landmark_id] = point
            assert (self.points.keys() | self.retired.keys()) <= self.segment_of_landmark.keys()
        elif isinstance(event, LandmarksMerged):
            assert set(event.kept_ids.tolist()) <= self.points.keys()
            self.drop(event.gone_ids)
        elif isinstance(event, LandmarksRemoved):
            self.drop(event.ids)
        elif isinstance(event, LandmarksRetired):
            for landmark_id, point in zip(event.ids.tolist(), event.points_world, strict=True):
                assert_array_equal(self.points.pop(landmark_id), point)
                self.retired[landmark_id] = point
        elif isinstance(event, LandmarksRecalled):
            for landmark_id in event.ids.tolist():
                self.points[landmark_id] = self.retired.pop(landmark_id)

    def drop(self, ids: NDArray[np.int64]) -> None:
        for landmark_id in ids.tolist():
            del self.points[landmark_id]

    def join(self, event: SegmentJoined) -> None:
        self.segments.append(f"joined {event.segment_id} {event.into_segment_id}")
        for landmarks in (self.points, self.retired):
            for landmark_id, point in landmarks.items():
                if self.segment_of_landmark[landmark_id] == event.segment_id:
                    landmarks[landmark_id] = event.similarity.transform_points(point[None])[0]
        for index, T_world_cam in self.keyframes.items():
            if self.segment_of_keyframe[index] == event.segment_id:
                self.keyframes[index] = event.similarity.transform_poses(T_world_cam[None])[0]
        for segments in (self.segment_of_landmark, self.segment_of_keyframe):
            for key, segment_id in segments.items():
                segments[key] = event.into_segment_id if segment_id == event.segment_id else segment_id


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


class PlaceExtractor(WorldExtractor):
    """Has descriptors as long as those of vof-t16, so that the vocabulary of these serves."""

    name = "vof-t16"


@pytest.fixture(scope="module")
def rounds() -> list[FrameResult]:
    """Nearly two rounds, blind for a while in the first: a segment ends, and the next one joins it again."""
    poses = carousel(NUM_ROUND_FRAMES, FRAMES_PER_ROUND)
    # Hardly any drift passes for none, so that loops are closed here, not places merely recalled.
    settings = [*SMALL_WINDOW, "tracking.max_lost_s=0.25", "places.max_offset_px=0.5"]
    frontend = build_frontend(override(Config(), settings), CAMERA, PlaceExtractor(make_ring(), poses, 0.5))
    return [frontend.process(frame) for frame in frames(NUM_ROUND_FRAMES, bad=frozenset(range(24, 30)))]


def test_events_alone_rebuild_the_whole_map_through_loop_recall_merge_and_join(
    rounds: list[FrameResult],
) -> None:
    listener, records, kinds = Listener(), Records(), set()
    for result in rounds:
        records.update(result)
        for event in result.events:
            listener.hear(event)
            kinds.add(type(event))
        if result.map is None:
            continue
        assert result.map.landmark_ids.tolist() == sorted(listener.points)
        assert_array_equal(
            result.map.points_world.reshape(-1, 3),
            np.array([listener.points[i] for i in result.map.landmark_ids.tolist()]).reshape(-1, 3),
        )
        assert not listener.points.keys() & listener.retired.keys()
        assert len(records.landmarks) == len(listener.points) + len(listener.retired)
    assert listener.segments == ["begun 0", "ended 0", "begun 1", "joined 1 0"]
    assert kinds >= {LandmarksRecalled, LandmarksMerged, LandmarksRetired, LoopClosed, KeyframeMerged}
    cloud = records.landmarks.cloud()
    assert set(cloud.segment_ids.tolist()) == {0}
    expected = [*listener.retired.values(), *(listener.points[i] for i in sorted(listener.points))]
    assert_allclose(cloud.points_world, expected, rtol=1e-5, atol=1e-5)
    trajectory = records.trajectory.trajectory()
    assert trajectory.segments().keys() == {0}
    rows = np.searchsorted(trajectory.frame_indices, list(listener.keyframes))
    assert_allclose(trajectory.T_world_cam[rows], np.array(list(listener.keyframes.values())), atol=1e-9)


def test_landmarks_of_a_corrected_and_joined_map_are_where_the_points_of_the_world_are(
    rounds: list[FrameResult],
) -> None:
    records = Records()
    for result in rounds:
        records.update(result)
    trajectory, points_world = records.trajectory.trajectory(), make_ring().points_world
    true_positions = carousel(NUM_ROUND_FRAMES, FRAMES_PER_ROUND)[trajectory.frame_indices, :3, 3]
    similarity = align(trajectory.T_world_cam[:, :3, 3], true_positions, with_scale=True)
    found = similarity.transform_points(records.landmarks.cloud().points_world.astype(np.float64))
    nearest = np.linalg.norm(found[:, None] - points_world, axis=2).min(axis=1)
    assert np.median(nearest) < 0.2


def test_files_of_a_run_with_loops_equal_its_records(rounds: list[FrameResult], tmp_path: Path) -> None:
    records = Records()
    sinks: list[Sink] = [
        PointCloudSink(tmp_path, records.landmarks),
        TrajectorySink(tmp_path, records.trajectory),
        OnlineTrajectorySink(tmp_path),
    ]
    for frame, result in zip(frames(NUM_ROUND_FRAMES), rounds, strict=True):
        records.update(result)
        for sink in sinks:
            sink.consume(frame, result)
    for sink in sinks:
        sink.close()
    cloud = records.landmarks.cloud()
    vertices = vertices_of(cloud.points_world, cloud.colors)
    assert (tmp_path / MAP_NAME).read_bytes().partition(b"end_header\n")[2] == vertices.tobytes()
    final = read_poses(tmp_path / TUM_NAME)
    assert_allclose(final.T_world_cam, records.trajectory.trajectory().T_world_cam, atol=1e-8)
    told = [result.T_world_cam for result in rounds if result.T_world_cam is not None]
    for name in ONLINE_FILES.values():
        assert_allclose(read_poses(tmp_path / name).T_world_cam, told, atol=1e-8)
    first_loop = next(r.frame_index for r in rounds if any(isinstance(e, LoopClosed) for e in r.events))
    online = records.trajectory.online()
    assert first_loop > FRAMES_PER_ROUND
    assert len(online) == len(told) < len(final)
