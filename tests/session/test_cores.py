import pytest

from vo_frontend.reports import machine
from vo_frontend.session import cores


@pytest.mark.parametrize(
    ("runs_on_gpu", "num_cores", "ahead"),
    [(False, 1, False), (False, 2, True), (False, 4, True), (True, 1, True)],
)
def test_extraction_runs_ahead_where_tracking_leaves_a_core_idle(
    runs_on_gpu: bool, num_cores: int, ahead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "num_cores", lambda: num_cores)
    assert cores.extraction_may_run_ahead(runs_on_gpu=runs_on_gpu) is ahead
