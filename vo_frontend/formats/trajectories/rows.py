"""Rows of text and their numbers; every complaint names file and line."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError, shown
from vo_frontend.formats.seconds import format_seconds

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TextRow:
    """One line of a file that holds data."""

    path: Path
    line: int  # from 1
    text: str

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.path}:{self.line}"

    def columns(
        self, count: int, meaning: str, separator: str | None = None, *, may_have_more: bool = False
    ) -> list[str]:
        """Split into ``count`` columns, at white space unless a separator is given.

        Raises:
            TrajectoryError: there are fewer, or more unless they may be left out; the message says what
                the columns mean.
        """
        columns = self.text.split(separator)
        if len(columns) < count or (len(columns) > count and not may_have_more):
            raise TrajectoryError(f"{self.where}: got {len(columns)} columns, expected {count} ({meaning})")
        return columns[:count]

    def parse(self, text: str, parser: Callable[[str], T], expected: str) -> T:
        """Read one column.

        Raises:
            TrajectoryError: the parser raised ValueError.
        """
        try:
            return parser(text.strip())
        except ValueError:
            raise TrajectoryError(f"{self.where}: got {shown(text.strip())}, expected {expected}") from None

    def numbers(self, columns: Iterable[str]) -> list[float]:
        """Read columns of numbers, NaN and infinity among them."""
        return [self.parse(column, float, "a number") for column in columns]


@dataclass(frozen=True, slots=True)
class PoseRow:
    """The pose of one row as the file gives it."""

    row: TextRow
    timestamp_ns: int | None  # None for KITTI
    values: list[float]  # x y z qw qx qy qz, or the 12 numbers of a 3x4 matrix, row-major


def read_lines(path: Path) -> list[str]:
    """Read the lines of a file, stripped.

    Raises:
        TrajectoryError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise TrajectoryError(f"{path}: cannot read the file ({error.strerror})") from None
    return [line.strip() for line in text.splitlines()]


def read_rows(path: Path) -> list[TextRow]:
    """Read the lines of a file that are not blank.

    Raises:
        TrajectoryError: the file cannot be read.
    """
    return [TextRow(path, line, text) for line, text in enumerate(read_lines(path), 1) if text]


def require_increasing(rows: Sequence[TextRow], stamps_ns: Sequence[int]) -> None:
    """Raise TrajectoryError at the first row whose stamp is not after the one before."""
    for row, before, now in zip(rows[1:], stamps_ns, stamps_ns[1:], strict=False):
        if now <= before:
            found = "repeats" if now == before else f"is earlier than {format_seconds(before)} s of"
            raise TrajectoryError(
                f"{row.where}: timestamp {format_seconds(now)} s {found} the row before, expected "
                "increasing stamps; sort the file and keep one pose per stamp"
            )


def number_rows(values: NDArray[np.float64], separator: str) -> list[str]:
    """Write each row of numbers (N, K) in the shortest form that reads back as the same float64."""
    return [separator.join(map(repr, row)) for row in values.tolist()]
