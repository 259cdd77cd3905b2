"""Every file of a run, fed with a made-up stream of results."""

import itertools
import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vo_frontend.errors import OutputError
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.geometry import se3
from vo_frontend.reports.frame_log import FRAMES_NAME, FrameLogSink
from vo_frontend.reports.point_cloud import MAP_NAME, VERTEX, PointCloudSink
from vo_frontend.reports.statistics import MAX_SEGMENTS, SegmentSummary, StatisticsSink
from vo_frontend.reports.trajectory_files import EUROC_NAME, KITTI_NAME, TUM_NAME, TrajectorySink
from vo_frontend.types import Frame, FrameResult, MapSnapshot, Reason, StampedPose, Status

STEP_NS = 33_333_333
TRAJECTORY_NAMES = (TUM_NAME, KITTI_NAME, EUROC_NAME)


def pose(index):
    return se3.exp(np.array([0.1 * index, 0, index, 0, 0.01 * index, 0]))


def frame(index):
    return Frame(index, index * STEP_NS, None)


def result(index, status=Status.TRACKING, segment=0, **fields):
    known = {"T_world_cam": pose(index), "num_inliers": 100 + index} if status is Status.TRACKING else {}
    defaults = {"reason": Reason.NONE, "T_world_cam": None, "stage_seconds": {"features": 0.02, "pose": 0.01}}
    return FrameResult(
        frame_index=index,
        timestamp_ns=index * STEP_NS,
        status=status,
        segment_id=segment,
        **{**defaults, **known, **fields},
    )


def a_run():
    """Start with hindsight, loss, a bad image, and a second segment, again with hindsight."""
    waiting = {"status": Status.INITIALIZING, "reason": Reason.TOO_LITTLE_PARALLAX}
    past = tuple(StampedPose(i, i * STEP_NS, pose(i)) for i in (100, 101))
    late = (StampedPose(105, 105 * STEP_NS, pose(105)),)
    return [
        result(100, **waiting),
        result(101, **waiting),
        result(102, backfilled=past, is_keyframe=True),
        result(103),
        result(104, Status.LOST, reason=Reason.BAD_IMAGE),
        result(105, segment=1, **waiting),
        result(106, segment=1, backfilled=late),
    ]


def feed(sink, results):
    for item in results:
        sink.consume(frame(item.frame_index), item)
    return sink


def cloud(segment, num_active, num_retired):
    return MapSnapshot(
        segment_id=segment,
        landmark_ids=np.arange(num_active),
        points_world=np.full((num_active, 3), 1.0 + segment),
        colors=np.full((num_active, 3), 10, dtype=np.uint8),
        retired_points_world=np.full((num_retired, 3), -1.0 - segment),
        retired_colors=np.full((num_retired, 3), 20, dtype=np.uint8),
        T_world_keyframes=np.eye(4)[None],
        keyframe_indices=np.zeros(1, np.int64),
    )


def read_ply(path: Path):
    header, _, body = path.read_bytes().partition(b"end_header\n")
    count = int(next(line for line in header.decode().splitlines() if "element vertex" in line).split()[-1])
    return np.frombuffer(body, dtype=VERTEX, count=count)


def test_each_known_pose_is_written_once_in_time_order_and_unknown_ones_never(tmp_path):
    sink = feed(TrajectorySink(tmp_path), a_run())
    sink.close()
    known = [100, 101, 102, 103, 105, 106]
    assert sink.num_poses == 6
    files = [read_poses(tmp_path / name) for name in TRAJECTORY_NAMES]
    assert files[0].timestamps_ns.tolist() == files[2].timestamps_ns.tolist() == [i * STEP_NS for i in known]
    assert files[1].frame_indices.tolist() == known
    assert files[0].segment_ids.tolist() == [0, 0, 0, 0, 1, 1]
    for file in files:
        np.testing.assert_allclose(file.T_world_cam, [pose(i) for i in known], atol=1e-12)


def keyframe_map(moved_m):
    """Keyframes 0, 2, ... that the map has moved along x."""
    T_world_keyframes = np.array([pose(index) for index in moved_m])
    T_world_keyframes[:, 0, 3] += list(moved_m.values())
    indices = np.array(list(moved_m))
    return replace(cloud(0, 3, 2), T_world_keyframes=T_world_keyframes, keyframe_indices=indices)


def test_rows_follow_their_keyframes_until_those_leave_the_window(tmp_path):
    sink = TrajectorySink(tmp_path)
    past = (StampedPose(0, 0, pose(0)), StampedPose(1, STEP_NS, pose(1)))
    maps = {2: {0: 0.0, 2: 0.0}, 4: {0: 0.0, 2: 0.5, 4: 0.0}, 6: {2: 0.25, 6: 0.0}, 8: {6: 100.0, 8: 0.0}}
    for index in range(2, 10):
        moved_m = maps.get(index)
        hindsight = past if index == 2 else ()
        item = result(index, map=keyframe_map(moved_m) if moved_m else None, backfilled=hindsight)
        sink.consume(frame(index), item)
        for name in TRAJECTORY_NAMES:
            assert len(read_poses(tmp_path / name)) == index + 1
    sink.close()
    expected_m = [0, 0, 0.25, 0.25, 0, 0, 100, 100, 0, 0]  # 4 was settled between 2 and 6
    for name in TRAJECTORY_NAMES:
        found = read_poses(tmp_path / name).T_world_cam
        shift_m = found[:, 0, 3] - [pose(i)[0, 3] for i in range(10)]
        np.testing.assert_allclose(shift_m, expected_m, atol=1e-12)
    assert read_poses(tmp_path / KITTI_NAME).frame_indices.tolist() == list(range(10))


def test_a_new_segment_leaves_the_rows_of_the_old_one_alone(tmp_path):
    sink = TrajectorySink(tmp_path)
    sink.consume(frame(0), result(0, map=keyframe_map({0: 0.0})))
    sink.consume(frame(1), result(1, segment=1, map=keyframe_map({1: 0.0})))
    sink.consume(frame(2), result(2, segment=1, map=keyframe_map({0: 50.0, 1: 1.0, 2: 0.0})))
    sink.close()
    poses = read_poses(tmp_path / TUM_NAME)
    assert poses.segment_ids.tolist() == [0, 1, 1]
    shift_m = poses.T_world_cam[:, 0, 3] - [pose(i)[0, 3] for i in range(3)]
    np.testing.assert_allclose(shift_m, [0, 1, 0], atol=1e-12)


def test_files_are_complete_after_every_frame(tmp_path):
    sink, log, ply = TrajectorySink(tmp_path), FrameLogSink(tmp_path), PointCloudSink(tmp_path)
    for count, index in enumerate(range(5), 1):
        item = result(index, map=cloud(0, 3, 2))
        for each in (sink, log, ply):
            each.consume(frame(index), item)
        assert [len(read_poses(tmp_path / name)) for name in TRAJECTORY_NAMES] == [count] * 3
        assert len((tmp_path / FRAMES_NAME).read_text().splitlines()) == count + 1
        assert len(read_ply(tmp_path / MAP_NAME)) == 2 * count
    for each in (sink, log, ply):
        each.close()


def test_a_killed_process_loses_at_most_its_last_frame(tmp_path):
    code = (
        "import os, sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path; from test_sinks import *\n"
        "feed(TrajectorySink(Path(sys.argv[1])), [result(i) for i in range(20)])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, str(tmp_path), str(here), str(here.parents[1])]
    assert subprocess.run(command, timeout=60).returncode == -signal.SIGKILL
    assert [len(read_poses(tmp_path / name)) for name in TRAJECTORY_NAMES] == [20] * 3


def test_the_frame_log_has_one_line_per_input_frame(tmp_path):
    sink = feed(FrameLogSink(tmp_path), a_run())
    sink.close()
    lines = (tmp_path / FRAMES_NAME).read_text().splitlines()
    assert lines[0] == "frame,timestamp,status,reason,segment,features,matches,inliers,keyframe,total_ms"
    assert lines[1] == "100,3.333333300,initializing,too little parallax,0,0,0,0,0,30.000"
    assert lines[3] == "102,3.399999966,tracking,,0,0,0,202,1,30.000"
    assert len(lines) == 8


def test_statistics_count_status_reason_segments_and_times():
    clock = iter(np.arange(7) * 0.5)
    found = feed(StatisticsSink(clock=lambda: next(clock)), a_run()).summary()
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
    assert found.frame_ms.p50 == pytest.approx(30.0)


def test_statistics_of_an_endless_run_forget_old_times_but_no_counts():
    sink = StatisticsSink(window_frames=100)
    for index in range(1200):
        slow = 1.0 if index < 1100 else 0.001
        sink.consume(frame(index), result(index, segment=index, stage_seconds={"pose": slow}))
    found = sink.summary()
    assert found.num_frames == found.num_segments == 1200
    assert len(found.segments) == MAX_SEGMENTS
    assert found.stage_ms["pose"].p95 == pytest.approx(1.0)


def test_gaps_in_the_frame_numbers_are_counted():
    sink = StatisticsSink()
    for index in (5, 6, 9, 10, 12):
        sink.consume(frame(index), result(index))
    assert sink.summary().num_skipped == 3


def test_statistics_of_nothing_are_empty():
    found = StatisticsSink().summary()
    assert found.num_frames == found.num_poses == 0
    assert found.frames_per_second is found.frame_ms is found.median_inliers is None


def test_the_cloud_holds_retired_landmarks_and_the_last_active_ones_of_each_segment(tmp_path):
    maps = [cloud(0, 5, 0), None, cloud(0, 4, 3), cloud(1, 2, 1)]
    sink = feed(PointCloudSink(tmp_path), [result(i, map=item) for i, item in enumerate(maps)])
    sink.close()
    heights = read_ply(tmp_path / MAP_NAME)["xyz"][:, 0].tolist()
    assert heights == [-1] * 3 + [1] * 4 + [-2] * 1 + [2] * 2


def test_landmarks_that_are_not_finite_stay_out_of_the_cloud(tmp_path):
    snapshot = cloud(0, 3, 0)
    snapshot.points_world[1, 2] = np.nan
    sink = feed(PointCloudSink(tmp_path), [result(0, map=snapshot)])
    sink.close()
    assert len(read_ply(tmp_path / MAP_NAME)) == 2


def test_open3d_reads_the_cloud(tmp_path):
    sink = feed(PointCloudSink(tmp_path), [result(0, map=cloud(0, 3, 2))])
    sink.close()
    # In a process of its own: another test makes sure that nothing imports open3d into this one.
    code = (
        "import sys, json, numpy, open3d; cloud = open3d.io.read_point_cloud(sys.argv[1]);"
        "print(json.dumps([numpy.asarray(cloud.points).tolist(), numpy.asarray(cloud.colors).tolist()]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / MAP_NAME)]
    read = subprocess.run(command, capture_output=True, text=True)
    if read.returncode != 0:
        pytest.skip(f"open3d cannot be imported: {read.stderr.strip().splitlines()[-1]}")
    points, colors = json.loads(read.stdout.splitlines()[-1])
    assert points == [[-1] * 3] * 2 + [[1] * 3] * 3
    np.testing.assert_allclose(colors[0], 20 / 255)


@pytest.mark.parametrize("make", [TrajectorySink, FrameLogSink, PointCloudSink])
def test_a_folder_that_is_gone_is_one_clear_error(tmp_path, make):
    with pytest.raises(OutputError, match=r"none/.*: cannot create the file \(No such file"):
        make(tmp_path / "none")


@contextmanager
def file_limit(num_bytes):
    """Let no file grow beyond so many bytes: the system then fails writes in the middle of a record.

    Only around what is tested: the output of the test run itself may be a file, and longer.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_ends_all_trajectory_files_at_the_same_pose(tmp_path):
    sink = TrajectorySink(tmp_path)
    message = r"cannot write \(File too large\); the \d+ poses before are kept"
    with file_limit(3000):
        with pytest.raises(OutputError, match=message):
            feed(sink, map(result, itertools.count()))
        sink.close()
    lengths = [len(read_poses(tmp_path / name)) for name in TRAJECTORY_NAMES]
    assert lengths == [sink.num_poses] * 3
    assert sink.num_poses > 5


def test_a_full_disk_leaves_a_valid_cloud(tmp_path):
    sink = PointCloudSink(tmp_path)
    with file_limit(2000):
        with pytest.raises(OutputError, match=r"map\.ply: cannot write .* vertices before are kept"):
            feed(sink, (result(index, map=cloud(0, 1, 7)) for index in itertools.count()))
        sink.close()
    vertices = read_ply(tmp_path / MAP_NAME)
    assert len(vertices) >= 7
    assert len(vertices) % 7 == 0
    assert (tmp_path / MAP_NAME).read_bytes().endswith(vertices.tobytes())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_no_space_left_is_said_in_the_systems_words(tmp_path):
    (tmp_path / FRAMES_NAME).symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"frames\.csv: cannot write \(No space left on device\)"):
        FrameLogSink(tmp_path)
