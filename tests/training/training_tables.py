"""The tables that training writes, row by row."""

import csv
from pathlib import Path


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def timeless_table(path: Path) -> list[dict[str, str]]:
    """Read what two equal runs write alike: all but the times."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in read_table(path)]
