"""Ground truth in ``vo-frontend run``: shown where there is some, and no run fails for want of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vo_frontend.cli.run import main
from vo_frontend.errors import TrajectoryError
from vo_frontend.mapping.records import Records
from vo_frontend.session.opened_input import OpenedInput
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.types import Trajectory
from vo_frontend.viewer import scene

OPTIONS = ["--features", "orb", "--no-view", "--frames", "0:3", "--out", "run"]


def unreadable() -> Trajectory:
    raise TrajectoryError("poses.txt: 3 columns in line 1, expected 12")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Trajectory | None]:
    """What the viewer gets of each run."""
    found: list[Trajectory | None] = []

    class WatchedScene(scene.Scene):
        def __init__(self, records: Records, truth: Trajectory | None, *, with_scale: bool) -> None:
            found.append(truth)
            super().__init__(records, truth, with_scale=with_scale)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vo_frontend.session.viewing.Scene", WatchedScene)
    return found


def run_with(load: Callable[[], Trajectory] | None, monkeypatch: pytest.MonkeyPatch) -> int:
    opened = OpenedInput(SyntheticSource(frames=slice(0, 3)), load)
    monkeypatch.setattr("vo_frontend.session.opened_input.open_input", lambda run: opened)
    return main(OPTIONS)


def test_unreadable_ground_truth_does_not_stop_the_run(
    shown: list[Trajectory | None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert run_with(unreadable, monkeypatch) == 0
    assert shown == [None]
    assert json.loads(Path("run/metrics.json").read_text())["errors"] is None
    assert "no errors reported: poses.txt: 3 columns" in caplog.text


def test_ground_truth_is_shown_where_there_is_some(
    shown: list[Trajectory | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = ground_truth(300)
    assert run_with(lambda: truth, monkeypatch) == 0
    assert run_with(None, monkeypatch) == 0
    assert shown == [truth, None]
