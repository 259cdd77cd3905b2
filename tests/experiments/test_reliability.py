"""The fault matrix on the built-in street with features that need no weights: the same every time."""

import json
from pathlib import Path

import pytest

from vo_frontend.cli.ablation import main
from vo_frontend.config import Config
from vo_frontend.experiments.output_files import BEGIN, END
from vo_frontend.experiments.reliability.measurement import Cell, measure_sequence
from vo_frontend.experiments.reliability.rows import ROWS
from vo_frontend.features import load_extractor
from vo_frontend.session.opened_input import open_named
from vo_frontend.simulation import STREET
from vo_frontend.types import Sensor

NUM_FRAMES = 40
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
