"""``docs/errors.md`` says what the program says."""

import os
from pathlib import Path

import pytest
from bad_inputs import page, write_inputs

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


@pytest.mark.slow
def test_the_page_of_errors_says_what_the_program_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``make errors`` writes it anew."""
    for variable in ("VO_DATA_ROOT", "VO_WEIGHTS_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("urllib.request.urlopen", _offline)
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    found = page(tmp_path)
    if os.environ.get("VO_WRITE_DOCS"):
        PAGE.write_text(found, encoding="utf-8")
    assert found == PAGE.read_text(encoding="utf-8"), "out of date: make errors"


def _offline(*_: object, **__: object) -> None:
    raise OSError("network is unreachable")
