"""Ground truth of every dataset family."""

from pathlib import Path

import numpy as np
import pytest

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation import ground_truth_of_camera, load_ground_truth
from vo_frontend.geometry import se3
from vo_frontend.types import GroundTruthSpec, Trajectory

KITTI_ROW = "1 0 0 {} 0 1 0 0 0 0 1 0\n"


def test_kitti_poses_take_their_stamps_from_times_or_the_rate(tmp_path: Path) -> None:
    poses, times = tmp_path / "06.txt", tmp_path / "times.txt"
    poses.write_text("".join(KITTI_ROW.format(i) for i in range(3)))
    times.write_text("0\n0.103735900\n0.207\n")
    found = load_ground_truth(GroundTruthSpec("kitti", poses, times))
    assert found.timestamps_ns.tolist() == [0, 103_735_900, 207_000_000]
    assert found.positions_world[:, 0].tolist() == [0, 1, 2]
    assert load_ground_truth(GroundTruthSpec("kitti", poses, rate_hz=4)).timestamps_ns.tolist() == [
        0, 250_000_000, 500_000_000,
    ]  # fmt: skip


def test_kitti_poses_beyond_the_times_of_a_partial_sequence_are_left_out(tmp_path: Path) -> None:
    poses, times = tmp_path / "06.txt", tmp_path / "times.txt"
    poses.write_text("".join(KITTI_ROW.format(i) for i in range(3)))
    times.write_text("0\n1\n")
    found = load_ground_truth(GroundTruthSpec("kitti", poses, times))
    assert found.timestamps_ns.tolist() == [0, 1_000_000_000]
    assert found.positions_world[:, 0].tolist() == [0, 1]


def test_seven_scenes_folders_are_read_by_frame_number(tmp_path: Path) -> None:
    for number in (10, 2):
        matrix = np.eye(4)
        matrix[0, 3] = number
        np.savetxt(tmp_path / f"frame-{number:06d}.pose.txt", matrix)
    found = load_ground_truth(GroundTruthSpec("7scenes", tmp_path, rate_hz=10))
    assert found.timestamps_ns.tolist() == [200_000_000, 1_000_000_000]
    assert found.positions_world[:, 0].tolist() == [2, 10]
    (tmp_path / "frame-000003.pose.txt").write_text("1 2 3")
    with pytest.raises(TrajectoryError, match="frame-000003.pose.txt: got 3 numbers, expected the 16"):
        load_ground_truth(GroundTruthSpec("7scenes", tmp_path))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (("7scenes", ""), "no frame-XXXXXX.pose.txt found"),
        (("tum", "empty.txt"), "holds no poses"),
        (("tum", "kitti.txt"), "looks like a kitti trajectory, expected tum"),
        (("rosbag", "kitti.txt"), "ground-truth format 'rosbag', expected kitti, tum"),
        (("kitti", "none.txt"), "cannot read the file"),
    ],
)
def test_wrong_ground_truth_is_told(tmp_path: Path, spec: tuple[str, str], message: str) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "kitti.txt").write_text(KITTI_ROW.format(0))
    with pytest.raises(TrajectoryError, match=message):
        load_ground_truth(GroundTruthSpec(spec[0], tmp_path / spec[1]))


def test_ground_truth_of_the_body_becomes_that_of_the_camera() -> None:
    T_world_body, T_body_cam = se3.exp(np.arange(6) / 5.0), se3.exp(np.arange(6) / 7.0)
    found = ground_truth_of_camera(Trajectory(np.array([4]), T_world_body[None]), T_body_cam)
    np.testing.assert_allclose(found.T_world_cam[0], T_world_body @ T_body_cam)


@pytest.mark.real
def test_real_ground_truth_loads(data_root: Path) -> None:
    euroc = data_root / "euroc/V1_01_easy/mav0/state_groundtruth_estimate0/data.csv"
    assert load_ground_truth(GroundTruthSpec("euroc", euroc)).timestamps_ns[0] == 1403715274312143104
    assert len(load_ground_truth(GroundTruthSpec("7scenes", data_root / "7scenes/redkitchen"))) == 300
    kitti = data_root / "kitti"
    spec = GroundTruthSpec("kitti", kitti / "poses/00.txt", kitti / "sequences/00/times.txt")
    assert len(load_ground_truth(spec)) == 4541
    part = GroundTruthSpec("kitti", kitti / "poses/06.txt", kitti / "sequences/06/times.txt")
    assert len(load_ground_truth(part)) == 51
