from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from vo_frontend.formats.ply import VERTEX
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import LandmarksRetired, MapEvent, SegmentJoined
from vo_frontend.mapping.landmark_record import LandmarkRecord
from vo_frontend.types import FrameResult, MapSnapshot, Reason, Status


def points(count: int, value: float) -> NDArray[np.float64]:
    return np.full((count, 3), value)


def retired(count: int, value: float, segment_id: int = 0) -> LandmarksRetired:
    return LandmarksRetired(
        segment_id, np.arange(count), points(count, value), np.full((count, 3), int(value), np.uint8)
    )


def snapshot(count: int, value: float, segment_id: int = 0) -> MapSnapshot:
    colors = np.full((count, 3), int(value), np.uint8)
    return MapSnapshot(
        segment_id, np.arange(count), points(count, value), colors, np.eye(4)[None], np.zeros(1, np.int64)
    )


def result(index: int, *events: MapEvent, active: MapSnapshot | None = None) -> FrameResult:
    return FrameResult(index, index, Status.TRACKING, Reason.NONE, 0, np.eye(4), map=active, events=events)


def test_retired_landmarks_come_before_those_of_the_local_map() -> None:
    record = LandmarkRecord()
    record.update(result(0, active=snapshot(4, 9.0)))
    record.update(result(1, retired(2, 1.0), active=snapshot(3, 8.0)))
    record.update(result(2, retired(1, 2.0)))
    cloud = record.cloud()
    assert cloud.points_world[:, 0].tolist() == [1, 1, 2, 8, 8, 8]
    assert cloud.colors[:, 0].tolist() == [1, 1, 2, 8, 8, 8]
    assert_array_equal(record.cloud().points_world, cloud.points_world)


def test_landmarks_that_are_not_finite_are_left_out() -> None:
    record = LandmarkRecord()
    bad = retired(3, 1.0)
    bad.points_world[1, 2] = np.nan
    record.update(result(0, bad))
    assert len(record.cloud()) == 2


def test_each_segment_scales_by_its_own_factor() -> None:
    record = LandmarkRecord()
    record.update(result(0, retired(2, 1.0, segment_id=0)))
    record.update(result(1, active=snapshot(1, 1.0, segment_id=1)))
    assert record.cloud().scaled({1: 10.0}).points_world[:, 0].tolist() == [1, 1, 10]


def test_a_joined_segment_moves_into_the_world_of_the_other() -> None:
    record = LandmarkRecord()
    record.update(result(0, retired(1, 1.0, segment_id=0)))
    record.update(result(1, retired(1, 1.0, segment_id=1)))
    similarity = Similarity(2.0, np.eye(3), np.array([5.0, 0.0, 0.0]))
    record.update(result(2, SegmentJoined(1, 0, similarity)))
    cloud = record.cloud()
    assert cloud.segment_ids.tolist() == [0, 0]
    assert_allclose(cloud.points_world, [[1, 1, 1], [7, 2, 2]])


def test_nothing_seen_is_an_empty_cloud_and_a_valid_file(tmp_path: Path) -> None:
    cloud = LandmarkRecord().cloud()
    assert len(cloud) == 0
    cloud.scaled({0: 2.0}).save_ply(str(tmp_path / "map.ply"))
    header, _, body = (tmp_path / "map.ply").read_bytes().partition(b"end_header\n")
    assert b"element vertex 0000000000" in header
    assert len(np.frombuffer(body, VERTEX)) == 0
