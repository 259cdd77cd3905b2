"""TUM, KITTI and EuRoC files: exact round trips, and wrong files that are told with file and line."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from known import known
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.formats.trajectories import (
    TrajectoryFormat,
    euroc_row,
    euroc_rows,
    frames_path,
    kitti_row,
    kitti_rows,
    read_poses,
    read_times,
    tum_row,
    tum_rows,
)
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

RNG = np.random.default_rng(1)
STAMPS_NS = [1, 999_999_999, 1_403_715_274_312_143_104, 1_403_715_274_312_143_105]
POSES = np.array([se3.exp(x) for x in RNG.normal(scale=2.0, size=(4, 6))])
TUM_LINE = "1.5 0 0 0 0 0 0 1\n"


def write(path: Path, *rows: str) -> Path:
    path.write_text("".join(rows))
    return path


@pytest.mark.parametrize("row", [tum_row, euroc_row])
def test_stamps_and_poses_survive_a_round_trip_exactly(
    tmp_path: Path, row: Callable[[int, Transform], str]
) -> None:
    path = write(tmp_path / "file", *[row(*pair) for pair in zip(STAMPS_NS, POSES, strict=True)])
    found = read_poses(path)
    assert found.trajectory.timestamps_ns.tolist() == STAMPS_NS
    assert_array_equal(found.T_world_cam[:, :3, 3], POSES[:, :3, 3])
    assert_allclose(found.T_world_cam, POSES, atol=1e-14)


def test_kitti_rows_and_their_frame_numbers_survive_a_round_trip(tmp_path: Path) -> None:
    path = write(tmp_path / "poses.txt", *map(kitti_row, POSES))
    assert known(read_poses(path).frame_indices).tolist() == [0, 1, 2, 3]
    write(frames_path(path), "100\n102\n103\n110\n")
    found = read_poses(path)
    assert found.format is TrajectoryFormat.KITTI
    assert known(found.frame_indices).tolist() == [100, 102, 103, 110]
    assert_array_equal(found.T_world_cam[:, :3, 3], POSES[:, :3, 3])
    assert_allclose(found.T_world_cam, POSES, atol=1e-14)
    times_ns = np.arange(111) * 7
    assert found.with_times(times_ns).trajectory.timestamps_ns.tolist() == [700, 714, 721, 770]
    assert found.with_times(times_ns[:103]).trajectory.timestamps_ns.tolist() == [700, 714]
    with pytest.raises(
        TrajectoryError, match="first pose is of frame 100, but times are given for 100 frames"
    ):
        found.with_times(times_ns[:100])
    with pytest.raises(TrajectoryError, match=r"carry no stamps; give the sequence's times\.txt"):
        _ = found.trajectory


def test_a_frame_number_without_a_pose_at_the_end_is_what_a_killed_run_leaves(tmp_path: Path) -> None:
    path = write(tmp_path / "poses.txt", *map(kitti_row, POSES))
    write(frames_path(path), "0\n1\n2\n5\n6\n")
    assert known(read_poses(path).frame_indices).tolist() == [0, 1, 2, 5]
    write(frames_path(path), "0\n1\n2\n")
    with pytest.raises(TrajectoryError, match="got 3 frame numbers, expected 4"):
        read_poses(path)


def test_segment_comments_split_a_tum_file(tmp_path: Path) -> None:
    rows = [tum_row(stamp, POSES[0]) for stamp in (1, 2, 3)]
    path = write(tmp_path / "t.txt", "# segment 0\n", rows[0], "# segment 3\n", *rows[1:])
    found = read_poses(path)
    assert found.segment_ids.tolist() == [0, 3, 3]
    assert [len(segment) for segment in found.segments()] == [1, 2]


def test_a_file_without_poses_is_an_empty_trajectory(tmp_path: Path) -> None:
    assert len(read_poses(write(tmp_path / "trajectory_tum.txt", "# only a header\n")).trajectory) == 0
    assert read_poses(write(tmp_path / "a.csv", "#timestamp\n")).format is TrajectoryFormat.EUROC
    assert read_poses(write(tmp_path / "trajectory_kitti.txt")).format is TrajectoryFormat.KITTI


def test_euroc_files_may_have_more_columns_and_windows_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "#timestamp, ...\r\n", "5, 1, 2, 3, 1, 0, 0, 0, 9, nan, 9\r\n")
    found = read_poses(path)
    assert known(found.timestamps_ns).tolist() == [5]
    assert found.T_world_cam[0, :3, 3].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("t.txt", [TUM_LINE, "2 0 0 0 0 0 1\n"], r"t\.txt:2: got 7 columns, expected 8 \(timestamp tx"),
        ("t.txt", ["1 2 3\n"], r"t\.txt:1: got 3 columns, expected 8 \(TUM"),
        ("t.txt", ["# x\n", TUM_LINE, "2 nan 0 0 0 0 0 1\n"], r"t\.txt:3: the pose is not finite"),
        ("t.txt", [TUM_LINE, "2 x 0 0 0 0 0 1\n"], r"t\.txt:2: got 'x', expected a number"),
        ("t.txt", ["nan 0 0 0 0 0 0 1\n"], r"t\.txt:1: got 'nan', expected a time in seconds"),
        ("t.txt", ["1 0 0 0 0 0 0 0\n"], r"t\.txt:1: the quaternion is not of unit length"),
        ("t.txt", [TUM_LINE, TUM_LINE], r"t\.txt:2: timestamp 1\.500000000 s repeats the row before"),
        ("t.txt", [TUM_LINE, "1 0 0 0 0 0 0 1\n"], r"t\.txt:2: timestamp 1\.0+ s is earlier than 1\.50+ s"),
        ("k.txt", ["1 0 0 0 0 1 0 0 0 0 -1 0\n"], r"k\.txt:1: the left 3x3 is not a rotation"),
        ("k.txt", ["1 0 0 0 0 1 0 0 0 0 2 0\n"], r"k\.txt:1: the left 3x3 is not a rotation"),
        ("k.txt", ["1 0 0 inf 0 1 0 0 0 0 1 0\n"], r"k\.txt:1: the pose is not finite"),
        ("e.csv", ["1.5,0,0,0,1,0,0,0\n"], r"e\.csv:1: got '1\.5', expected an integer time in ns"),
        ("e.csv", ["1,0,0,0,1,0,0\n"], r"e\.csv:1: got 7 columns, expected 8 \(timestamp, px"),
        ("e.csv", [f"{2**63},0,0,0,1,0,0,0\n"], r"e\.csv:1: got '9223372036854775808', expected an integer"),
    ],
)
def test_wrong_files_are_told_with_file_and_line(
    tmp_path: Path, name: str, rows: list[str], message: str
) -> None:
    with pytest.raises(TrajectoryError, match=message):
        read_poses(write(tmp_path / name, *rows))


def test_binary_and_missing_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(bytes(range(256)))
    with pytest.raises(TrajectoryError, match=r"b\.txt:"):
        read_poses(tmp_path / "b.txt")
    with pytest.raises(TrajectoryError, match="cannot read the file"):
        read_poses(tmp_path / "none.txt")


def test_frame_times_must_increase(tmp_path: Path) -> None:
    assert read_times(write(tmp_path / "times.txt", "0.000000e+00\n1.037359e-01\n")).tolist() == [
        0,
        103735900,
    ]
    with pytest.raises(TrajectoryError, match=r"times\.txt:3: timestamp 0\.1"):
        read_times(write(tmp_path / "times.txt", "0\n0.2\n0.1\n"))


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "format_", "count"),
    [
        ("kitti/poses/00.txt", TrajectoryFormat.KITTI, 4541),
        ("tum/rgbd_dataset_freiburg1_rpy/groundtruth.txt", TrajectoryFormat.TUM, 697),
        ("euroc/V1_01_easy/mav0/state_groundtruth_estimate0/data.csv", TrajectoryFormat.EUROC, 40),
    ],
)
def test_real_files_are_recognised(data_root: Path, path: str, format_: TrajectoryFormat, count: int) -> None:
    found = read_poses(data_root / path)
    assert found.format is format_
    assert len(found) == count


@pytest.mark.parametrize(("rows", "row"), [(tum_rows, tum_row), (euroc_rows, euroc_row)])
def test_a_pose_has_the_same_row_alone_and_among_others(
    rows: Callable[[Sequence[int], NDArray[np.float64]], list[str]],
    row: Callable[[int, Transform], str],
) -> None:
    rng = np.random.default_rng(0)
    rotations = se3.so3_exp(rng.uniform(-3, 3, (50, 3)))  # past half a turn, too
    poses = se3.from_rotation_translation(rotations, rng.normal(size=(50, 3)))
    stamps_ns = list(range(0, 50 * 10**8, 10**8))
    assert rows(stamps_ns, poses) == [row(t, T) for t, T in zip(stamps_ns, poses, strict=True)]
    assert kitti_rows(poses) == [kitti_row(T) for T in poses]
