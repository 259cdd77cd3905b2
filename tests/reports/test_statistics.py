"""Counts and times of a run, fed with a made-up stream of results."""

from dataclasses import replace

import numpy as np
import pytest
from known import known
from made_up_results import a_run, feed, tracked, with_events

from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import LandmarksRecalled, LoopClosed, SegmentJoined
from vo_frontend.reports.run_metrics import statistics_rows
from vo_frontend.reports.statistics import MAX_SEGMENTS, Punctuality, SegmentSummary, StatisticsSink
from vo_frontend.types import Capture, Frame, Reason, Status


def test_statistics_count_status_reason_segments_and_times() -> None:
    clock = iter(np.arange(7) * 0.5)
    found = feed(StatisticsSink(clock=lambda: float(next(clock))), a_run()).summary()
    assert found.num_frames == 7
    assert found.num_poses == 6
    assert found.num_keyframes == 1
    assert found.num_by_status == {Status.TRACKING: 3, Status.LOST: 1, Status.INITIALIZING: 3}
    assert found.num_by_reason == {Reason.TOO_LITTLE_PARALLAX: 3, Reason.BAD_IMAGE: 1}
    assert found.segments == (SegmentSummary(0, 100, 103, 4), SegmentSummary(1, 105, 106, 2))
    assert found.median_inliers == 203
    assert found.frames_per_second == pytest.approx(2.0)
    assert list(found.stage_ms) == ["features", "pose"]
    assert found.stage_ms["pose"].p95 == pytest.approx(10.0)
    assert found.frame_ms is not None
    assert found.frame_ms.p50 == pytest.approx(30.0)


def test_a_repeated_frame_is_neither_tracked_nor_part_of_the_median() -> None:
    repeated = replace(tracked(3), reason=Reason.REPEATED_FRAME, num_inliers=0)
    found = feed(StatisticsSink(), [tracked(1), tracked(2), repeated]).summary()
    assert (found.num_repeated, found.num_poses) == (1, 3)
    assert found.num_by_status[Status.TRACKING] == 2
    assert found.median_inliers == 101.5


def test_statistics_of_an_endless_run_forget_old_times_but_no_counts() -> None:
    sink = StatisticsSink(window_frames=100)
    for index in range(1200):
        slow_s = 1.0 if index < 1100 else 0.001
        feed(sink, [replace(tracked(index, segment_id=index), stage_seconds={"pose": slow_s})])
    found = sink.summary()
    assert found.num_frames == found.num_segments == 1200
    assert len(found.segments) == MAX_SEGMENTS
    assert found.stage_ms["pose"].p95 == pytest.approx(1.0)


def test_joined_segments_are_one_and_what_was_found_again_is_counted() -> None:
    joined = SegmentJoined(2, 0, Similarity(1.0, np.eye(3), np.zeros(3)))
    loop = LoopClosed(0, 3, 12, 50, np.eye(4), np.eye(4))
    recalled = LandmarksRecalled(0, np.arange(5))
    results = [tracked(3), tracked(5, segment_id=1), tracked(10, segment_id=2)]
    results += [with_events(tracked(11), joined, recalled), with_events(tracked(12), loop, recalled)]
    found = feed(StatisticsSink(), results).summary()
    assert (found.num_segments, found.num_poses) == (2, 5)
    assert found.segments == (SegmentSummary(0, 3, 12, 4), SegmentSummary(1, 5, 5, 1))
    assert (found.num_loops, found.num_recalls, found.num_joins) == (1, 2, 1)
    assert ("places recalled", 2, "") in statistics_rows(found)


def test_a_segment_that_is_joined_before_its_first_pose_is_none() -> None:
    joined = SegmentJoined(1, 0, Similarity(1.0, np.eye(3), np.zeros(3)))
    found = feed(StatisticsSink(), [tracked(0), with_events(tracked(1), joined)]).summary()
    assert found.num_segments == 1


def test_frames_that_come_live_are_late_by_their_age_and_missed_ones_are_counted() -> None:
    sink = StatisticsSink(now_ns=lambda: 1_000_000_000)
    for index, (age_ms, num_dropped) in enumerate([(100, 0), (40, 2), (60, 1), (900, 0)]):
        result = tracked(index) if index < 3 else replace(tracked(index), T_world_cam=None)
        capture = Capture(1_000_000_000 - age_ms * 1_000_000, num_dropped)
        sink.consume(Frame(index, 0, None, capture=capture), result)
    found = known(sink.summary().punctuality)
    assert found.num_dropped == 3
    assert known(found.latency_ms).p50 == pytest.approx(60)
    assert known(found.latency_ms).p95 == pytest.approx(96)
    assert found.max_latency_ms == pytest.approx(100)  # the frame without a pose, 900 ms old, is none
    rows = statistics_rows(sink.summary())
    assert ("dropped because we were late", 3, "of 7 frames") in rows
    assert ("from capture to pose, p50 / p95 / max", "60 / 96 / 100", "ms") in rows


def test_live_frames_without_a_pose_have_no_latency() -> None:
    sink = StatisticsSink()
    sink.consume(Frame(0, 0, None, capture=Capture(0)), replace(tracked(0), T_world_cam=None))
    assert sink.summary().punctuality == Punctuality(0, None, None)


def test_recorded_frames_are_neither_late_nor_dropped_whatever_their_numbers() -> None:
    found = feed(StatisticsSink(), [tracked(index) for index in (5, 6, 9, 10, 12)]).summary()
    assert found.punctuality is None
    assert not any("dropped" in name for name, _, _ in statistics_rows(found))


def test_statistics_of_nothing_are_empty() -> None:
    found = StatisticsSink().summary()
    assert found.num_frames == found.num_poses == 0
    assert (found.frames_per_second, found.frame_ms, found.median_inliers) == (None, None, None)
