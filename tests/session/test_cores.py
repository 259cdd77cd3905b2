import pytest

from vo_frontend.reports import run_metrics as report
from vo_frontend.session import cores


@pytest.mark.parametrize(
    ("device", "num_cores", "ahead"),
    [("cpu", 2, False), ("cpu, bf16", 1, False), ("cpu", 4, True), ("NVIDIA H200", 2, True)],
)
def test_extraction_runs_ahead_where_it_does_not_fight_with_tracking_for_the_cores(
    device, num_cores, ahead, monkeypatch
):
    monkeypatch.setattr(report, "num_cores", lambda: num_cores)
    assert cores.extraction_may_run_ahead(device) is ahead
