"""Worlds with known answers: a rendered street, and faults that any source can be given."""

STREET = "street"  # what a user types for the built-in sequence
STREET_NAME = "synthetic/street"  # of the source, and so of the folder of its runs; may be typed too


def is_street(name: str) -> bool:
    """Tell whether the name of a sequence means the built-in street."""
    return name in (STREET, STREET_NAME)
