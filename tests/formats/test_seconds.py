"""Times as text."""

import pytest

from vo_frontend.formats.seconds import format_seconds, parse_seconds


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("1305031228.5331", 1305031228533100000), ("1.037359e-01", 103735900), ("-0.000000001", -1), ("0", 0)],
)
def test_decimal_seconds_become_the_exact_nanoseconds(text: str, nanoseconds: int) -> None:
    assert parse_seconds(text) == nanoseconds
    assert parse_seconds(format_seconds(nanoseconds)) == nanoseconds


@pytest.mark.parametrize("text", ["nan", "inf", "1e300", "1.2.3", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_seconds(text)
