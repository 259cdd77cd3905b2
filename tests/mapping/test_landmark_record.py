from pathlib import Path

import numpy as np
import pytest
from file_limit import file_limit
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from vo_frontend.errors import OutputError
from vo_frontend.formats.ply import VERTEX
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import (
    LandmarksAdded,
    LandmarksMerged,
    LandmarksMoved,
    LandmarksRecalled,
    LandmarksRemoved,
    LandmarksRetired,
    MapEvent,
    SegmentJoined,
)
from vo_frontend.mapping.landmark_record import LandmarkRecord
from vo_frontend.types import FrameResult, Reason, Status


def points(count: int, value: float) -> NDArray[np.float64]:
    return np.full((count, 3), value)


def grey(count: int, value: float) -> NDArray[np.uint8]:
    return np.full((count, 3), int(value) % 256, np.uint8)


def added(first_id: int, count: int, value: float, segment_id: int = 0) -> LandmarksAdded:
    ids = first_id + np.arange(count)
    return LandmarksAdded(segment_id, ids, points(count, value), grey(count, value))


def retired(first_id: int, count: int, value: float, segment_id: int = 0) -> LandmarksRetired:
    ids = first_id + np.arange(count)
    return LandmarksRetired(segment_id, ids, points(count, value), grey(count, value))


def told(*events: MapEvent, record: LandmarkRecord | None = None) -> LandmarkRecord:
    """Let a record hear events, each with a result of its own."""
    record = LandmarkRecord() if record is None else record
    for event in events:
        record.update(FrameResult(0, 0, Status.TRACKING, Reason.NONE, 0, np.eye(4), events=(event,)))
    return record


def heights(record: LandmarkRecord) -> list[float]:
    found: list[float] = record.cloud().points_world[:, 0].tolist()
    assert len(found) == len(record)
    return found


def test_retired_landmarks_come_in_the_order_in_which_they_left_before_those_of_the_local_map() -> None:
    record = told(added(0, 6, 9.0), retired(4, 2, 1.0), retired(0, 1, 2.0))
    cloud = record.cloud()
    assert cloud.points_world[:, 0].tolist() == heights(record) == [1, 1, 2, 9, 9, 9]
    assert cloud.colors[:, 0].tolist() == [1, 1, 2, 9, 9, 9]
    assert record.retired().points_world[:, 0].tolist() == [1, 1, 2]
    assert record.local().points_world[:, 0].tolist() == [9, 9, 9]


def test_landmarks_that_are_not_finite_are_left_out() -> None:
    bad = retired(0, 3, 1.0)
    bad.points_world[1, 2] = np.nan
    assert len(told(bad)) == len(told(bad).cloud()) == 2


def test_a_recalled_landmark_is_no_longer_among_the_retired() -> None:
    record = told(added(0, 3, 1.0), retired(0, 3, 1.0), LandmarksRecalled(0, np.array([1])))
    assert (len(record.retired()), len(record.local()), len(record)) == (2, 1, 3)
    told(LandmarksMoved(0, np.array([1]), points(1, 5.0)), retired(1, 1, 6.0), record=record)
    assert heights(record) == [1, 1, 6]


def test_a_correction_moves_landmarks_that_left_long_ago() -> None:
    record = told(added(0, 4, 1.0), retired(0, 2, 1.0), LandmarksMoved(0, np.array([1, 2]), points(2, 7.0)))
    assert heights(record) == [1, 7, 7, 1]


def test_merged_and_removed_landmarks_are_gone_and_stay_gone() -> None:
    record = told(added(0, 4, 1.0), retired(0, 2, 2.0))
    told(LandmarksMerged(0, np.array([0]), np.array([2])), LandmarksRemoved(0, np.array([1])), record=record)
    assert heights(record) == [2, 1]
    told(LandmarksRecalled(0, np.array([1, 2])), record=record)
    assert heights(record) == [2, 1]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (retired(2, 1, 1.0), False),
        (LandmarksMoved(0, np.array([2]), points(1, 3.0)), False),
        (LandmarksRemoved(0, np.array([2])), False),
        (LandmarksMoved(0, np.array([1, 2]), points(2, 3.0)), True),
        (LandmarksRecalled(0, np.array([0])), True),
        (LandmarksMerged(0, np.array([2]), np.array([1])), True),
        (SegmentJoined(0, 1, Similarity(2.0, np.eye(3), np.zeros(3))), True),
    ],
)
def test_the_record_says_when_what_had_retired_changes(event: MapEvent, expected: bool) -> None:
    record = told(added(0, 4, 1.0), retired(0, 2, 1.0), event)
    assert record.retired_have_changed is expected
    told(added(9, 1, 1.0), record=record)
    assert not record.retired_have_changed


def test_a_large_record_goes_on_in_a_file() -> None:
    """The slow twin keeps everything in memory."""
    small, large = LandmarkRecord(max_memory_bytes=24 * 300), LandmarkRecord()
    rng = np.random.default_rng(0)
    for record in (small, large):
        for first_id in range(0, 2000, 100):
            told(added(first_id, 100, first_id), retired(first_id, 50, first_id + 1), record=record)
    ids = rng.permutation(2000)[:500]
    for record in (small, large):
        told(LandmarksMoved(0, ids, points(500, -1.0)), LandmarksRemoved(0, ids[:100]), record=record)
    assert len(small) == 1900
    assert_array_equal(small.cloud().points_world, large.cloud().points_world)
    assert_array_equal(small.cloud().colors, large.cloud().colors)


def test_a_file_that_cannot_grow_is_one_clear_error() -> None:
    record = told(added(0, 10, 1.0), record=LandmarkRecord(max_memory_bytes=24 * 300))
    with file_limit(100_000), pytest.raises(OutputError, match="TMPDIR"):
        told(added(10, 10_000, 1.0), record=record)


def test_of_a_large_map_every_second_or_fourth_landmark_is_shown() -> None:
    record = told(added(0, 1000, 1.0), retired(0, 1000, 1.0))
    assert len(record.retired(1000)) == 1000
    assert len(record.retired(999)) == 500
    assert len(record.retired(300)) == 250


def test_each_segment_scales_by_its_own_factor() -> None:
    record = told(added(0, 2, 1.0), retired(0, 2, 1.0), added(2, 1, 1.0, segment_id=1))
    assert record.cloud().scaled({1: 10.0}).points_world[:, 0].tolist() == [1, 1, 10]


def test_a_joined_segment_moves_into_the_world_of_the_other() -> None:
    record = told(retired(0, 1, 1.0, segment_id=0), retired(1, 1, 1.0, segment_id=1))
    similarity = Similarity(2.0, np.eye(3), np.array([5.0, 0.0, 0.0]))
    told(added(2, 1, 2.0, segment_id=1), SegmentJoined(1, 0, similarity), record=record)
    cloud = record.cloud()
    assert cloud.segment_ids.tolist() == [0, 0, 0]
    assert_allclose(cloud.points_world, [[1, 1, 1], [7, 2, 2], [9, 4, 4]])


def test_nothing_seen_is_an_empty_cloud_and_a_valid_file(tmp_path: Path) -> None:
    cloud = LandmarkRecord().cloud()
    assert len(cloud) == 0
    cloud.scaled({0: 2.0}).save_ply(str(tmp_path / "map.ply"))
    header, _, body = (tmp_path / "map.ply").read_bytes().partition(b"end_header\n")
    assert b"element vertex 0000000000" in header
    assert len(np.frombuffer(body, VERTEX)) == 0


def seen(record: LandmarkRecord, *ids: int) -> None:
    """Let a frame find landmarks."""
    found = np.array([-1, *ids])
    record.update(FrameResult(0, 0, Status.TRACKING, Reason.NONE, 0, np.eye(4), landmark_ids=found))


def test_a_landmark_counts_the_frames_that_found_it_up_to_what_a_byte_holds() -> None:
    record = told(added(0, 3, 1.0))
    for count in range(300):
        seen(record, *([0, 1] if count < 2 else [0]))
    assert record.cloud().num_views.tolist() == [255, 2, 0]


def test_a_merged_landmark_has_been_found_by_the_frames_of_both() -> None:
    record = told(added(0, 2, 1.0))
    for _ in range(3):
        seen(record, 0, 1)
    told(LandmarksMerged(0, np.array([0]), np.array([1])), record=record)
    assert record.cloud().num_views.tolist() == [6]


def test_a_landmark_keeps_its_count_when_it_retires_and_comes_back() -> None:
    record = told(added(0, 1, 1.0))
    seen(record, 0)
    told(retired(0, 1, 1.0), LandmarksRecalled(0, np.array([0])), record=record)
    seen(record, 0)
    assert record.cloud().num_views.tolist() == [2]


def test_a_landmark_of_an_earlier_run_needs_no_frames_of_this_one() -> None:
    assert told(retired(0, 1, 1.0)).cloud().num_views.tolist() == [255]
