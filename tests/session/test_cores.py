import pytest

from vo_frontend.reports import machine
from vo_frontend.session import cores


@pytest.mark.parametrize(
    ("runs_on_gpu", "max_calls", "num_cores", "ahead"),
    [(False, 2, 1, 0), (False, 2, 2, 2), (False, 1, 4, 1), (True, 1, 1, 1)],
)
def test_extraction_runs_ahead_where_tracking_leaves_a_core_idle(
    runs_on_gpu: bool, max_calls: int, num_cores: int, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "num_cores", lambda: num_cores)
    assert cores.threads_ahead(runs_on_gpu=runs_on_gpu, max_calls=max_calls) == ahead
