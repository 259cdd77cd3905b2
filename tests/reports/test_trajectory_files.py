"""The trajectory files of a run, fed with a made-up stream of results."""

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from file_limit import file_limit
from made_up_results import (
    STEP_NS,
    a_run,
    feed,
    make_frame,
    make_pose,
    stamped,
    tracked,
    with_events,
    with_keyframes,
)
from numpy.typing import NDArray

from vo_frontend.errors import OutputError
from vo_frontend.formats.trajectories import TrajectoryFormat, read_poses
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import SegmentJoined
from vo_frontend.mapping.trajectory import TrajectoryRecord
from vo_frontend.reports.trajectory_files import (
    EUROC_NAME,
    KITTI_NAME,
    ONLINE_FILES,
    TUM_NAME,
    OnlineTrajectorySink,
    TrajectorySink,
)
from vo_frontend.types import Frame, FrameResult

NAMES = (TUM_NAME, KITTI_NAME, EUROC_NAME)


def online_of(record: TrajectoryRecord) -> tuple[list[int], list[int], NDArray[np.float64]]:
    online = record.online()
    return online.frame_indices.tolist(), online.segment_ids.tolist(), online.T_world_cam


class Trajectories:
    """The trajectory files of a session that is fed with made-up results."""

    def __init__(
        self, folder: Path, period_s: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.record = TrajectoryRecord()
        self.sink = TrajectorySink(folder, self.record, period_s, clock)

    def consume(self, frame: Frame, result: FrameResult) -> None:
        self.record.update(result)
        self.sink.consume(frame, result)

    def close(self) -> None:
        self.sink.close()


def stamps_of(path: Path) -> list[int]:
    found: NDArray[np.int64] | None = read_poses(path).timestamps_ns
    assert found is not None
    return found.tolist()


def frame_numbers(folder: Path) -> list[int]:
    found = read_poses(folder / KITTI_NAME).frame_indices
    assert found is not None
    return found.tolist()


def num_poses(folder: Path) -> list[int]:
    """Count the poses of each file."""
    return [len(read_poses(folder / name)) for name in NAMES]


def assert_shifted(folder: Path, expected_m: Sequence[float]) -> None:
    """All files say how far each pose has moved along x."""
    for name in NAMES:
        found = read_poses(folder / name).T_world_cam
        shift_m = found[:, 0, 3] - [make_pose(i)[0, 3] for i in range(len(found))]
        np.testing.assert_allclose(shift_m, expected_m, atol=1e-12)


def test_each_known_pose_is_written_once_in_time_order_and_unknown_ones_never(tmp_path: Path) -> None:
    feed(Trajectories(tmp_path), a_run()).close()
    known = [100, 101, 102, 103, 105, 106]
    assert stamps_of(tmp_path / TUM_NAME) == stamps_of(tmp_path / EUROC_NAME) == [i * STEP_NS for i in known]
    assert frame_numbers(tmp_path) == known
    assert read_poses(tmp_path / TUM_NAME).segment_ids.tolist() == [0, 0, 0, 0, 1, 1]
    for name in NAMES:
        found = read_poses(tmp_path / name).T_world_cam
        np.testing.assert_allclose(found, [make_pose(i) for i in known], atol=1e-12)


def test_rows_follow_their_keyframes(tmp_path: Path) -> None:
    sink = Trajectories(tmp_path)
    results = [tracked(2, backfilled=(stamped(0), stamped(1))), *(tracked(index) for index in range(3, 10))]
    results[0] = with_keyframes(results[0], [0, 2], {0: 0.0, 2: 0.0})
    results[2] = with_keyframes(results[2], [4], {0: 0.0, 2: 0.5, 4: 0.0})
    results[4] = with_keyframes(results[4], [6], {2: 0.25, 6: 0.0})
    results[6] = with_keyframes(results[6], [8], {6: 100.0, 8: 0.0})
    for result in results:
        feed(sink, [result])
        assert num_poses(tmp_path) == [result.frame_index + 1] * 3
    assert_shifted(tmp_path, [0, 0, 0.25, 0.25, 0, 0, 100, 100, 0, 0])
    sink.close()
    assert_shifted(tmp_path, [0, 0, 0.25, 0.25, 0, 0, 100, 100, 0, 0])
    assert frame_numbers(tmp_path) == list(range(10))


def test_rows_far_back_are_written_anew_when_the_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vo_frontend.reports.trajectory_files.MAX_REWRITTEN_ROWS", 3)
    sink = Trajectories(tmp_path)
    feed(sink, [with_keyframes(tracked(0), [0]), *(tracked(index) for index in range(1, 10))])
    feed(sink, [with_keyframes(tracked(10), [10], {0: 0.5, 10: 0.0})])
    assert_shifted(tmp_path, [0] * 7 + [0.5] * 3 + [0])
    sink.close()
    assert_shifted(tmp_path, [0.5] * 10 + [0])


def test_moved_rows_wait_for_their_time_and_for_the_end_at_most(tmp_path: Path) -> None:
    now_s = 0.0
    sink = Trajectories(tmp_path, period_s=0.5, clock=lambda: now_s)
    feed(sink, [with_keyframes(tracked(0), [0]), with_keyframes(tracked(1), [1], {0: 1.0, 1: 0.0})])
    assert_shifted(tmp_path, [1, 0])
    now_s = 0.4
    feed(sink, [with_keyframes(tracked(2), [2], {0: 2.0, 1: 1.0, 2: 0.0})])
    assert_shifted(tmp_path, [1, 0, 0])
    now_s = 0.5
    feed(sink, [tracked(3)])
    assert_shifted(tmp_path, [2, 1, 0, 0])
    feed(sink, [with_keyframes(tracked(4), [], {1: 3.0})])
    assert_shifted(tmp_path, [2, 1, 0, 0, 0])
    sink.close()
    assert_shifted(tmp_path, [2, 3, 0, 0, 0])


def test_a_correction_that_reaches_into_the_segment_before_keeps_the_marks(tmp_path: Path) -> None:
    sink = Trajectories(tmp_path)
    feed(sink, [with_keyframes(tracked(0), [0]), tracked(1), with_keyframes(tracked(2, 1), [2])])
    feed(sink, [with_keyframes(tracked(3, 1), [], {0: 1.0, 2: 2.0})])
    feed(sink, [with_keyframes(tracked(4, 1), [], {2: 3.0})])
    sink.close()
    assert_shifted(tmp_path, [1, 1, 3, 1, 0])
    assert read_poses(tmp_path / TUM_NAME).segment_ids.tolist() == [0, 0, 1, 1, 1]


def test_online_files_hold_what_each_frame_told_whatever_is_learned_later(tmp_path: Path) -> None:
    sink, online = Trajectories(tmp_path), OnlineTrajectorySink(tmp_path)
    results = a_run()
    results[2] = with_keyframes(results[2], [102])
    results[3] = with_keyframes(results[3], [103], {102: 5.0, 103: 0.0})
    joined = SegmentJoined(1, 0, Similarity(2.0, np.eye(3), np.ones(3)))
    results.append(with_events(tracked(107), joined))
    for result in results:
        feed(sink, [result])
        feed(online, [result])
    sink.close()
    online.close()
    told = [102, 103, 106, 107]
    frame_indices, segment_ids, T_world_cam = online_of(sink.record)
    assert frame_indices == told
    assert segment_ids == [0, 0, 1, 0]
    np.testing.assert_array_equal(T_world_cam, [make_pose(i) for i in told])
    for name in ONLINE_FILES.values():
        found = read_poses(tmp_path / name).T_world_cam
        np.testing.assert_allclose(found, [make_pose(i) for i in told], atol=1e-12)
    assert read_poses(tmp_path / ONLINE_FILES[TrajectoryFormat.TUM]).segment_ids.tolist() == segment_ids
    assert read_poses(tmp_path / TUM_NAME).segment_ids.tolist() == [0] * 7


def test_trajectory_files_are_complete_after_every_frame(tmp_path: Path) -> None:
    sink = Trajectories(tmp_path)
    for count in range(1, 6):
        sink.consume(make_frame(count - 1), tracked(count - 1))
        assert num_poses(tmp_path) == [count] * 3
    sink.close()


def test_a_killed_process_loses_none_of_the_frames_before(tmp_path: Path) -> None:
    code = (
        "import os, sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path; from test_trajectory_files import Trajectories, feed, tracked\n"
        "feed(Trajectories(Path(sys.argv[1])), [tracked(i) for i in range(20)])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, str(tmp_path), str(here), str(here.parent), str(here.parents[1])]
    assert subprocess.run(command, timeout=60).returncode == -signal.SIGKILL
    assert num_poses(tmp_path) == [20] * 3


def test_trajectory_files_in_a_folder_that_is_gone_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"none/.*: cannot create the file \(No such file"):
        Trajectories(tmp_path / "none")


def test_a_full_disk_ends_all_trajectory_files_at_the_same_pose(tmp_path: Path) -> None:
    sink = Trajectories(tmp_path)
    message = r"cannot write \(File too large\); the \d+ poses before are kept"
    with file_limit(3000):
        with pytest.raises(OutputError, match=message):
            feed(sink, map(tracked, itertools.count()))
        sink.close()
    lengths = num_poses(tmp_path)
    assert lengths[0] == lengths[1] == lengths[2] > 5
