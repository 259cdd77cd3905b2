"""The pictures of a run: path, height, losses, and the map from above."""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend import palette
from vo_frontend.errors import OutputError
from vo_frontend.reports.figures.canvas import to_svg
from vo_frontend.reports.figures.map_picture import PlottedMap, map_figure, plot_map
from vo_frontend.reports.figures.path import METRES, Loss, PlottedPath, PlottedSegment, spell_unit
from vo_frontend.reports.figures.timelines import latency_figure, tracking_figure
from vo_frontend.reports.figures.trajectory import plot_trajectory, trajectory_figure
from vo_frontend.reports.frame_table import FrameTable
from vo_frontend.reports.statistics import Percentiles
from vo_frontend.types import Image, Reason, Status


def arc(num_poses: int) -> NDArray[np.float64]:
    angles = np.linspace(0, 2, num_poses)
    return 10 * np.stack([1 - np.cos(angles), np.zeros(num_poses), np.sin(angles)], axis=1)


def read_picture(path: Path) -> Image:
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def count(path: Path, color: str) -> int:
    """Count the pixels of a colour."""
    bgr = [int(color[at : at + 2], 16) for at in (5, 3, 1)]
    distance = np.abs(read_picture(path).astype(int) - bgr).max(axis=2)
    return int((distance < 12).sum())


def a_path() -> PlottedPath:
    return PlottedPath("street", [PlottedSegment(arc(100), np.arange(100) / 10)])


def titles_of(plotted: PlottedPath) -> list[str]:
    axes = trajectory_figure(plotted).axes
    return [each.get_title(loc="left") for each in axes]


def with_errors(plotted: PlottedPath) -> PlottedPath:
    segments = [
        replace(part, position_errors_m=np.ones(100), rotation_errors_deg=np.ones(99))
        for part in plotted.segments
    ]
    return replace(
        plotted, segments=segments, positions_gt=arc(100), times_gt_s=np.arange(100) / 10, unit="m"
    )


def test_every_path_shows_its_height_and_with_ground_truth_its_errors() -> None:
    assert titles_of(a_path()) == ["street", "height above the first camera"]
    assert titles_of(with_errors(a_path()))[2:] == [
        "position error after alignment",
        "rotation error per frame",
    ]


def test_an_unknown_scale_is_said_on_the_axes_and_a_known_one_is_metres() -> None:
    unknown, known = trajectory_figure(a_path()).axes[0], trajectory_figure(with_errors(a_path())).axes[0]
    assert unknown.get_xlabel() == "right [map units, scale unknown]"
    assert known.get_ylabel() == "forward [m]"
    assert spell_unit(METRES) == "m"


def test_losses_are_marked_in_the_path_and_over_time(tmp_path: Path) -> None:
    positions, times_s = arc(100), np.arange(100) / 10
    is_posed = (times_s < 3) | (times_s > 5)
    plotted = PlottedPath("street", [PlottedSegment(positions[is_posed], times_s[is_posed])])
    plot_trajectory(tmp_path / "without.png", plotted)
    lost = replace(plotted, losses=[Loss(3.0, 5.0, "too few matches")])
    plot_trajectory(tmp_path / "with.png", lost)
    assert count(tmp_path / "without.png", palette.LOST) == 0
    assert count(tmp_path / "with.png", palette.LOST) > 30
    ends = lost.around(lost.losses[0])
    assert ends is not None
    np.testing.assert_allclose(ends, positions[[29, 51]])


def test_a_loss_without_a_pose_after_it_has_no_place_in_the_path() -> None:
    assert a_path().around(Loss(9.95, 12.0, "too few matches")) is None
    assert a_path().around(Loss(-2.0, -1.0, "too few matches")) is None


def test_loops_are_drawn_from_the_old_keyframe_to_where_the_new_one_was_and_is(tmp_path: Path) -> None:
    loop = np.array([arc(100)[0], arc(100)[0] + [3.0, 0, 0], arc(100)[99]])
    plot_trajectory(tmp_path / "without.png", replace(a_path(), loops=np.empty((0, 3, 3))))
    plot_trajectory(tmp_path / "with.png", replace(a_path(), loops=loop[None]))
    assert count(tmp_path / "without.png", palette.PURPLE) == 0
    assert count(tmp_path / "with.png", palette.PURPLE) > 50


@pytest.mark.parametrize("num_poses", [0, 1])
def test_pictures_of_almost_nothing_are_drawn(tmp_path: Path, num_poses: int) -> None:
    errors = np.zeros(max(0, num_poses - 1))
    segment = PlottedSegment(arc(num_poses), np.zeros(num_poses), np.zeros(num_poses), errors)
    plot_trajectory(tmp_path / "t.png", PlottedPath("x", [segment]))
    plot_trajectory(tmp_path / "u.png", PlottedPath("x", []))
    for name in ("t.png", "u.png"):
        assert read_picture(tmp_path / name).std() > 5


def test_a_picture_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"t\.png: cannot write the file \(No such file"):
        plot_trajectory(tmp_path / "none" / "t.png", PlottedPath("x", []))


def a_map(num_points: int = 500) -> PlottedMap:
    rng = np.random.default_rng(0)
    points = rng.uniform(-3, 20, (num_points, 3)).astype(np.float32)
    colors = np.full((num_points, 3), 200, np.uint8)
    poses = np.tile(np.eye(4), (50, 1, 1))
    poses[:, :3, 3] = arc(50)
    return PlottedMap("street", points, colors, [arc(100)], poses, None, np.empty((0, 3, 3)), 5.0)


def test_a_map_is_drawn_without_open3d_and_its_path_is_not_buried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    plot_map(tmp_path / "map.png", a_map())
    assert count(tmp_path / "map.png", palette.ORANGE) > 300, "the path"
    assert count(tmp_path / "map.png", palette.SKY_BLUE) > 50, "some keyframes"


def test_forward_is_up_in_the_map() -> None:
    ahead = np.column_stack([np.zeros(50), np.zeros(50), np.linspace(0, 10, 50)])
    axes = map_figure(replace(a_map(), paths=[ahead])).axes[0]
    path = next(line for line in axes.lines if line.get_label() == "path")
    np.testing.assert_allclose(np.asarray(path.get_xdata()), ahead[:, 0])
    np.testing.assert_allclose(np.asarray(path.get_ydata()), ahead[:, 2])
    assert axes.get_ylim()[0] < axes.get_ylim()[1]
    assert axes.get_aspect() == 1


@pytest.mark.parametrize("num_points", [0, 1])
def test_a_map_of_a_camera_that_stood_still_is_drawn(tmp_path: Path, num_points: int) -> None:
    still = replace(a_map(num_points), paths=[np.zeros((5, 3))], point_distance=0.0)
    plot_map(tmp_path / "map.png", still)
    assert read_picture(tmp_path / "map.png").std() > 3


def test_the_pictures_of_a_long_run_stay_small_and_keep_its_worst_frame() -> None:
    n = 100_000
    inliers, zeros = np.full(n, 300), np.zeros(n, np.int64)
    inliers[77_777] = 7
    states = (Status.TRACKING,) * n, (Reason.NONE,) * n
    table = FrameTable(np.arange(n), np.arange(n) / 30, *states, zeros, inliers, zeros, np.ones(n))
    figure = tracking_figure(table, a_path())
    assert np.min(np.asarray(figure.axes[0].lines[0].get_ydata())) == 7
    for drawn in (figure, latency_figure(table, {"track": Percentiles(20.0, 30.0)})):
        assert len(to_svg(drawn)) < 1e6
