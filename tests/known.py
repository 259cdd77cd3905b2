"""Values that may be missing in general, but must not be in a test."""

from typing import TypeVar

T = TypeVar("T")


def known(value: T | None) -> T:
    """Return the value; the test fails where it is None."""
    assert value is not None
    return value
