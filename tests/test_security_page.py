"""Every promise of docs/security.md names a test that there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
PROMISES = re.findall(r"^- .*(?:\n  .*)*", PAGE, re.MULTILINE)


def test_there_are_promises() -> None:
    assert len(PROMISES) > 20


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[2:60])
def test_a_promise_is_kept_by_a_test(promise: str) -> None:
    found = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", promise)
    assert found, "names no test"
    for file, name in found:
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_the_sizes_are_those_of_the_code() -> None:
    from vo_frontend.errors import MAX_MESSAGE
    from vo_frontend.geometry.camera import MAX_PIXELS
    from vo_frontend.ranges import MAX_TEXT
    from vo_frontend.sources.decoding import MAX_FILE_BYTES
    from vo_frontend.yaml_text import MAX_BYTES, MAX_DEPTH, MAX_DIGITS, MAX_NODES

    assert f"{MAX_PIXELS / 1e6:.0f} million px" in PAGE
    assert f"{MAX_FILE_BYTES >> 20} MiB" in PAGE
    values = f"{MAX_NODES:,}".replace(",", " ")
    assert f"{MAX_BYTES >> 20} MiB, {MAX_DEPTH} levels, {values} values with all repetitions" in PAGE
    assert f"{MAX_DIGITS} digits" in PAGE
    assert f"{MAX_TEXT} characters" in PAGE
    assert f"{MAX_MESSAGE} characters" in PAGE
