"""Runs of experiments that are not rehearsed: nothing here depends on their speed."""

import pytest

from vo_frontend.experiments.ablation import runs


@pytest.fixture
def no_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "warm_up", lambda: None)
