import pytest

from vo_frontend.reports import machine
from vo_frontend.session import cores


@pytest.mark.parametrize(
    ("runs_on_gpu", "num_cores", "ahead"),
    [(False, 2, False), (False, 1, False), (False, 4, True), (True, 2, True)],
)
def test_extraction_runs_ahead_where_it_does_not_fight_with_tracking_for_the_cores(
    runs_on_gpu: bool, num_cores: int, ahead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "num_cores", lambda: num_cores)
    assert cores.extraction_may_run_ahead(runs_on_gpu=runs_on_gpu) is ahead
