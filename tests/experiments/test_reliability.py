"""Faults and cuts on the built-in street with features that need no weights: the same every time."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vo_frontend.cli.ablation import main
from vo_frontend.config import Config
from vo_frontend.experiments.ablation.scores import load_ground_truth
from vo_frontend.experiments.output_files import BEGIN, END
from vo_frontend.experiments.reliability import cuts, matrix
from vo_frontend.experiments.reliability.cuts import CutsRow, measure_cuts
from vo_frontend.experiments.reliability.measurement import Cell, measure_sequence
from vo_frontend.experiments.reliability.rows import ROWS
from vo_frontend.experiments.reliability.told import finished, track_all
from vo_frontend.features import load_extractor
from vo_frontend.session.opened_input import OpenedInput, open_named
from vo_frontend.session.session import Session
from vo_frontend.simulation import STREET
from vo_frontend.types import Sensor, Trajectory

NUM_FRAMES = 40
FAR = 13  # the frame from which on a falsified street lies elsewhere: two cuts lead past it
QUICK = ("a quarter cut out", "black", "right image is the left")


@pytest.mark.slow
@pytest.mark.parametrize("sensor", [Sensor.MONO, Sensor.STEREO], ids=lambda sensor: sensor.value)
def test_no_fault_of_the_quick_matrix_makes_a_wrong_pose(sensor: Sensor) -> None:
    opened = open_named(STREET, None, sensor, slice(NUM_FRAMES))
    extractor = load_extractor("orb", max_keypoints=1000, device="cpu")
    rows = [row for row in ROWS if row.name in QUICK]
    cells = {cell.fault: cell for cell in measure_sequence(opened, extractor, Config(), rows)}
    assert set(cells) == {row.name for row in rows if sensor in row.sensors}
    assert {name: cell.wrong_poses for name, cell in cells.items()} == dict.fromkeys(cells, 0)
    assert cells["black"].struck_with_pose == 0
    if sensor is Sensor.STEREO:
        twin: Cell = cells["right image is the left"]
        assert (twin.usable_tracked_percent, twin.struck_with_pose, twin.segments) == (100.0, 10, 1)


@pytest.mark.slow
def test_what_runs_leave_is_compared_and_what_they_told_is_kept() -> None:
    opened = open_named(STREET, None, Sensor.STEREO, slice(NUM_FRAMES))
    extractor = load_extractor("orb", max_keypoints=1000, device="cpu")
    session, other = (Session.for_source(Config(), opened.source, extractor) for _ in range(2))
    frames = [session.extract(frame) for frame in opened.source]
    run = track_all(session, frames)
    for frame in frames:
        other.track(frame)
    as_told = other.records.trajectory.online().T_world_cam
    other.finish()
    left = other.records.trajectory.trajectory().T_world_cam
    np.testing.assert_array_equal(finished(session, run).T_world_cam, left)
    np.testing.assert_array_equal(run.told.T_world_cam, as_told)
    assert not np.allclose(left, as_told)


@pytest.mark.slow
def test_one_command_writes_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    arguments = ["--only", "faults", "--sequences", "street:mono", "--features", "orb", "--frames", "20"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--markdown", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    mono = [row for row in ROWS if Sensor.MONO in row.sensors]
    assert all(f"| {row.name} " in text and row.promise in text for row in mono)
    found = json.loads((tmp_path / "out" / "faults.json").read_text())
    assert [cell["fault"] for cell in found["cells"]] == [row.name for row in mono]
    assert found["total"][0]["cells"] == len(mono)


def test_every_fault_is_named_once_and_can_strike_some_sensor() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(row.sensors and row.promise for row in ROWS)
    for row in ROWS:
        (fault,) = row.faults(90)
        assert fault.when.positions == {30, 60}


def test_ctrl_c_keeps_the_cells_that_are_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_and_stop(*args: object) -> Iterator[Cell]:
        for row in ROWS[:2]:
            yield Cell(row.name, "street", "mono", 100.0, 0, 0, 1, 0.0, 1.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(matrix, "measure_sequence", two_and_stop)
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    options = ["--sequences", "street:mono", "--features", "orb", "--out", str(tmp_path)]
    assert main([*options, "--only", "faults", "--markdown", str(page)]) == 0
    found = json.loads((tmp_path / "faults.json").read_text())
    assert [cell["fault"] for cell in found["cells"]] == [row.name for row in ROWS[:2]]
    assert "stopped early: rows are missing" in found["warnings"]
    assert "stopped early: rows are missing" in page.read_text()
    assert "stopped after 2 of 15 cells" in capsys.readouterr().err


def test_ctrl_c_before_the_first_cell_leaves_the_page_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(matrix, "measure_sequence", stop)
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\nprecious\n{END}\n")
    options = ["--sequences", "street:mono", "--features", "orb", "--out", str(tmp_path)]
    assert main([*options, "--only", "faults", "--markdown", str(page)]) == 130
    assert "precious" in page.read_text()


def test_tables_of_faults_and_of_cuts_share_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def two_rows_and_stop(*args: object) -> CutsRow:
        rows.append(CutsRow("street", "mono", 7, 4, 3, 0, 0.01, 0.1))
        if len(rows) == 3:
            raise KeyboardInterrupt
        return rows[-1]

    rows: list[CutsRow] = []
    monkeypatch.setattr(cuts, "measure_cuts", two_rows_and_stop)
    page = tmp_path / "page.md"
    marks = "<!-- begin of generated cuts -->\nold\n<!-- end of generated cuts -->"
    page.write_text(f"{BEGIN}\nfaults\n{END}\n{marks}\nafter\n")
    options = ["--sequences", "street:mono,street:stereo,kitti/06:mono", "--features", "orb"]
    monkeypatch.setattr(cuts, "open_inputs", lambda *args: ([None] * 3, None))
    assert main([*options, "--only", "cuts", "--out", str(tmp_path), "--markdown", str(page)]) == 0
    text = page.read_text()
    assert f"{BEGIN}\nfaults\n{END}\n" in text
    assert "| street   | mono   |    7 |" in text
    assert "old" not in text
    assert "stopped early: rows are missing" in text
    assert text.endswith("after\n")
    assert len(json.loads((tmp_path / "cuts.json").read_text())["cuts"]) == 2


def cut_street(sensor: Sensor) -> CutsRow:
    opened = open_named(STREET, None, sensor, slice(60))
    extractor = load_extractor("orb", max_keypoints=1000, device="cpu")
    return measure_cuts(opened, extractor, Config(), num_cuts=6)


@pytest.mark.slow
@pytest.mark.parametrize("sensor", [Sensor.MONO, Sensor.STEREO], ids=lambda sensor: sensor.value)
def test_a_pose_after_a_cut_is_judged_by_where_the_camera_was(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = cut_street(sensor)
    assert row.cuts == row.relocalised + row.lost == 6
    assert (row.relocalised > 0, row.wrong) == (True, 0)

    def elsewhere(opened: OpenedInput) -> Trajectory:
        truth = load_ground_truth(opened)
        T_world_cam = truth.T_world_cam.copy()
        T_world_cam[FAR:, :3, 3] += [5.0, 0.0, 0.0]
        return replace(truth, T_world_cam=T_world_cam)

    monkeypatch.setattr(cuts, "load_ground_truth", elsewhere)
    falsified = cut_street(sensor)
    assert falsified.relocalised == row.relocalised
    assert falsified.wrong > 0
    assert falsified.largest_error_m is not None
    assert falsified.largest_error_m == pytest.approx(5.0, abs=1.5)
    assert np.isclose(falsified.limit_m, 0.5)
