"""The command ``vo-frontend evaluate`` as a user meets it."""

import json
from pathlib import Path

import numpy as np
import pytest

from vo_frontend.cli.evaluate import main
from vo_frontend.errors import TrajectoryError
from vo_frontend.formats.trajectories import TUM_HEADER, euroc_row, kitti_row, tum_row
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

STEP_NS = 100_000_000
FRAMES = range(20, 60)
ATE_M = 1e-4 * 3**0.5 * (2 / 3) ** 0.5  # errors of 0, 1, 2 steps along one direction, about their mean


def pose(index: int) -> Transform:
    return se3.exp(np.array([0.2, 0, 0.5, 0, 0.02, 0]) * index)


def estimated(index: int) -> Transform:
    T = np.linalg.inv(pose(FRAMES[0])) @ pose(index) @ se3.exp(np.full(6, 1e-4) * (index % 3))
    T[:3, 3] *= 0.1
    return T


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One estimate and its ground truth in all three formats."""
    for name, frames, of_frame in (("est", FRAMES, estimated), ("gt", range(100), pose)):
        poses = [(index * STEP_NS, of_frame(index)) for index in frames]
        (tmp_path / f"{name}_tum.txt").write_text(TUM_HEADER + "".join(tum_row(*item) for item in poses))
        (tmp_path / f"{name}_euroc.csv").write_text("".join(euroc_row(*item) for item in poses))
        (tmp_path / f"{name}_kitti.txt").write_text("".join(kitti_row(T) for _, T in poses))
    (tmp_path / "est_kitti_frames.txt").write_text("".join(f"{index}\n" for index in FRAMES))
    (tmp_path / "times.txt").write_text("".join(f"{index / 10:.6e}\n" for index in range(100)))
    return tmp_path


def run(folder: Path, *args: str) -> int:
    return main([str(folder / arg) if "." in arg else arg for arg in args])


@pytest.mark.parametrize("truth", ["gt_tum.txt", "gt_kitti.txt", "gt_euroc.csv"])
@pytest.mark.parametrize("estimate", ["est_tum.txt", "est_kitti.txt", "est_euroc.csv"])
def test_any_two_formats_give_the_same_errors(
    folder: Path, capsys: pytest.CaptureFixture[str], estimate: str, truth: str
) -> None:
    assert run(folder, estimate, truth, "--times", "times.txt", "--json", "out.json") == 0
    found = json.loads((folder / "out.json").read_text())
    assert found["num_poses"] == 40
    assert found["scale"] == pytest.approx(10, rel=1e-3)
    assert found["ate_m"]["rmse"] == pytest.approx(ATE_M, rel=0.02)
    table = capsys.readouterr().out
    assert "aligned with" in table
    assert "Sim(3)" in table
    assert "deg/100 m" in table


def test_two_kitti_files_need_no_times(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "est_kitti.txt", "gt_kitti.txt", "--align", "se3") == 0
    assert "SE(3)" in capsys.readouterr().out


def test_poses_of_the_estimate_that_have_no_time_are_counted(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "times.txt").write_text("".join(f"{index / 10}\n" for index in range(50)))
    assert run(folder, "est_kitti.txt", "gt_tum.txt", "--times", "times.txt", "--json", "out.json") == 0
    assert "est_kitti.txt: 10 poses are left out" in caplog.text
    assert json.loads((folder / "out.json").read_text())["num_poses"] == 30


def test_the_picture_is_drawn_on_request(folder: Path) -> None:
    assert run(folder, "est_tum.txt", "gt_tum.txt", "--plot", "errors.png") == 0
    assert (folder / "errors.png").stat().st_size > 10_000


def test_the_longest_segment_is_compared_unless_one_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    rows = (folder / "est_tum.txt").read_text().splitlines(keepends=True)[1:]
    (folder / "est_tum.txt").write_text("".join(["# segment 0\n", *rows[:9], "# segment 1\n", *rows[9:]]))
    assert run(folder, "est_tum.txt", "gt_tum.txt") == 0
    assert "2 segments with a world of their own; comparing segment 1 with 31 of 40 poses" in caplog.text
    assert run(folder, "est_tum.txt", "gt_tum.txt", "--segment", "0", "--json", "out.json") == 0
    assert json.loads((folder / "out.json").read_text())["num_poses"] == 9
    assert run(folder, "est_tum.txt", "gt_tum.txt", "--segment", "2") == 2
    assert "has no segment 2, expected one of 0, 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["none.txt", "gt_tum.txt"], "none.txt: cannot read the file (No such file or directory)"),
        (["est_tum.txt", "gt_kitti.txt"], "give the sequence's times.txt with --times"),
        (["est_tum.txt", "empty.txt"], "empty.txt: holds no poses"),
        (["est_tum.txt", "gt_tum.txt", "--plot", "no/dir.png"], "cannot write the file"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_two(
    folder: Path, capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    (folder / "empty.txt").write_text("# nothing\n")
    assert run(folder, *args) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_debug_shows_where_it_was_raised(folder: Path) -> None:
    with pytest.raises(TrajectoryError):
        run(folder, "none.txt", "gt_tum.txt", "--debug")


def test_a_negative_time_difference_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(folder, "est_tum.txt", "gt_tum.txt", "--max-difference", "-1")
    assert "expected 0 to 1e+06 seconds" in capsys.readouterr().err


def test_pairs_are_two_kitti_files_that_evo_compares_row_by_row(folder: Path) -> None:
    """The first frame of the estimate is number 20, which evo's kitti mode would compare with number 0."""
    from evo.core import metrics
    from evo.tools import file_interface

    options = ["--pairs", str(folder / "pairs"), "--json", "out.json"]
    assert run(folder, "est_kitti.txt", "gt_kitti.txt", *options) == 0
    truth, estimate = (
        file_interface.read_kitti_poses_file(folder / "pairs" / f"{name}_kitti.txt")
        for name in ("truth", "estimate")
    )
    assert truth.num_poses == estimate.num_poses == len(FRAMES)
    estimate.align(truth, correct_scale=True)
    error = metrics.APE(metrics.PoseRelation.translation_part)
    error.process_data((truth, estimate))
    ours = json.loads((folder / "out.json").read_text())["ate_m"]["rmse"]
    assert error.get_statistic(metrics.StatisticsType.rmse) == pytest.approx(ours, rel=1e-6)


def test_pairs_that_cannot_be_written_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "est_kitti.txt", "gt_kitti.txt", "--pairs", str(folder / "gt_tum.txt")) == 2
    assert "gt_tum.txt: cannot create the folder" in capsys.readouterr().err
