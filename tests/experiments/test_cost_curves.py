"""What the cost curves measure: extractions, frames, long runs, archives, pose graphs; and their picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from vo_frontend.atlas.pose_graph import EdgeKind
from vo_frontend.atlas.pose_graph_solver import optimize_consistent
from vo_frontend.cli.benchmark import main
from vo_frontend.errors import OutputError
from vo_frontend.experiments.speed.costs import sections
from vo_frontend.experiments.speed.costs.archive import measure_archive
from vo_frontend.experiments.speed.costs.driving import measure_frames, measure_long_run
from vo_frontend.experiments.speed.costs.extraction import measure_extraction
from vo_frontend.experiments.speed.costs.laps import drifted_laps
from vo_frontend.experiments.speed.costs.picture import Column, Curve, plot_costs
from vo_frontend.experiments.speed.images import Size
from vo_frontend.geometry import se3

SMALL = Size(320, 240)


def test_laps_drift_by_their_odometry_and_their_loops_bring_them_back() -> None:
    pytest.importorskip("gtsam")
    graph = drifted_laps(600)
    odometry = graph.kind == EdgeKind.ODOMETRY
    steps = se3.inverse(graph.T_world_cam[:-1]) @ graph.T_world_cam[1:]
    np.testing.assert_allclose(steps, graph.T_i_j[odometry], atol=1e-9)
    solution = optimize_consistent(graph)
    assert graph.is_loop.sum() > 5
    assert solution.is_used.all()
    closed, drifted = (_lap_gap(poses) for poses in (solution.T_world_cam, graph.T_world_cam))
    assert closed < 0.2 * drifted


def test_an_archive_is_measured_at_each_size() -> None:
    pytest.importorskip("gtsam")
    rows = measure_archive((30, 60))
    assert [(row.keyframes, row.landmarks) for row in rows] == [(30, 3000), (60, 6000)]
    assert rows[1].records_mb == pytest.approx(2 * rows[0].records_mb, rel=0.01)
    assert all(row.add_ms > 0 and row.all_edges_ms > row.covisible_ms > 0 for row in rows)


def test_an_extraction_is_measured_on_images_of_its_size() -> None:
    row = measure_extraction("orb", 200, SMALL, 3, data_root=None, weights_dir=None)
    assert (row.features, row.size, row.keypoints) == ("orb", "320x240", 200)
    assert row.median_core_ms > 0


def test_frames_are_measured_apart_from_the_renderer() -> None:
    row = measure_frames("orb", 200, SMALL, 15, weights_dir=None)
    assert row.frames == 15
    assert 0 < row.track_core_ms < 1000
    assert 0 < row.extract_core_ms < 1000


@pytest.mark.slow
def test_a_long_run_takes_no_more_for_a_frame_at_its_end_and_keeps_only_records() -> None:
    """The window is full after some 100 frames."""
    rows = measure_long_run("orb", 300, SMALL, 400, keeps=False, weights_dir=None)
    assert [row.frames for row in rows] == list(range(40, 401, 40))
    middle, end = rows[4], rows[-1]
    assert end.frame_mb < 1.3 * middle.frame_mb
    assert end.keyframe_mb < 1.3 * middle.keyframe_mb
    assert end.kept_mb - middle.kept_mb < 0.01 * (end.frames - middle.frames)  # 10 kB a frame


def test_the_picture_has_two_axes_for_each_quantity(tmp_path: Path) -> None:
    curve = Curve("one", [(1.0, 2.0), (10.0, 3.0)])
    column = Column("things", "core-ms", [curve], [curve], is_logarithmic=True)
    plot_costs(tmp_path / "one.png", "title", [column])
    plot_costs(tmp_path / "two.png", "title", [column, column])
    one, two = (cv2.imread(str(tmp_path / name)) for name in ("one.png", "two.png"))
    assert one is not None
    assert two is not None
    assert two.shape[1] == 2 * one.shape[1]
    with pytest.raises(OutputError, match=r"one.png: cannot write the file"):
        plot_costs(tmp_path / "missing" / "one.png", "title", [column])


@pytest.mark.slow
def test_one_command_measures_all_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gtsam")
    monkeypatch.setattr(sections, "BUDGETS", (100, 1000))
    monkeypatch.setattr(sections, "SIZES", (SMALL, sections.USUAL_SIZE))
    monkeypatch.setattr(sections, "NUM_FRAMES", 10)
    monkeypatch.setattr(sections, "LONG_FRAMES", 20)
    monkeypatch.setattr(sections, "KEYFRAMES", (20, 40))
    page, picture = tmp_path / "costs.md", tmp_path / "costs.png"
    options = ["--features", "orb", "--repeats", "2", "--curves", str(picture), "--markdown", str(page)]
    assert main(["--only", *options]) == 0
    text = page.read_text()
    assert text.count("| orb ") == 5  # three extractions, frames of two budgets
    assert text.count("| SLAM     |") == text.count("| odometry |") == 10
    assert "![Extraction, by budget and size](costs.png)" in text
    assert picture.stat().st_size > 10_000
    assert "median core [ms]" in capsys.readouterr().out


def _lap_gap(T_world_cam: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Return how far a keyframe is from where it was a lap before, on average."""
    positions = T_world_cam[:, :3, 3]
    return float(np.linalg.norm(positions[60:] - positions[:-60], axis=1).mean())
