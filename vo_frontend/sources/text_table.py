"""The plain-text tables that datasets come with; every complaint names file and line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError, shown
from vo_frontend.formats.seconds import parse_seconds

MAX_NAME_BYTES = 255  # as file systems have it


@dataclass(frozen=True, slots=True)
class Row:
    """One line that is neither blank nor a comment."""

    where: str  # "file:line"
    fields: list[str]

    def require(self, num_fields: int, expected: str) -> None:
        """Raise SourceError if there are fewer fields; ``expected`` describes a good line."""
        if len(self.fields) < num_fields:
            raise SourceError(f"{self.where}: got {shown(' '.join(self.fields))}, expected {expected}")

    def numbers(self, fields: Sequence[str], expected: str) -> NDArray[np.float64]:
        """Read fields as finite numbers (N,).

        Raises:
            SourceError: one is not a number.
        """
        try:
            values = np.array([float(field) for field in fields])
        except ValueError:
            values = np.array([np.nan])
        if not np.isfinite(values).all():
            raise SourceError(f"{self.where}: got {shown(' '.join(fields))}, expected {expected}")
        return values

    def seconds_as_ns(self, field: str) -> int:
        """Read decimal seconds as integer nanoseconds, exactly where float64 would be 100 ns off."""
        try:
            return parse_seconds(field)
        except ValueError:
            raise SourceError(f"{self.where}: got {shown(field)}, expected a time in seconds") from None

    def nanoseconds(self, field: str) -> int:
        """Read integer nanoseconds of at most 64 bits."""
        if not field.isdecimal() or len(field) > 19 or int(field) >= 2**63:
            raise SourceError(f"{self.where}: got {shown(field)}, expected a whole number of nanoseconds")
        return int(field)

    def path_below(self, folder: Path, field: str) -> Path:
        """Read the path of a file below a folder, which a data set has no business to leave.

        Raises:
            SourceError: it is absolute, goes up, or is no name of a file.
        """
        path = PurePosixPath(field)
        is_short = all(len(part.encode("utf-8", "replace")) <= MAX_NAME_BYTES for part in path.parts)
        if not field or "\0" in field or path.is_absolute() or ".." in path.parts or not is_short:
            raise SourceError(f"{self.where}: got {shown(field)}, expected a file below {folder}")
        return folder / path


def read_rows(path: Path, separator: str | None = None) -> list[Row]:
    """Read the lines of a table, split at ``separator`` (None: white space), without ``#`` comments.

    Raises:
        SourceError: the file is missing or empty.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SourceError(f"{path}: cannot read the file ({error.strerror})") from None
    rows = [
        Row(f"{path}:{number}", [field.strip() for field in line.split(separator)])
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not rows:
        raise SourceError(f"{path}: the file has no data lines")
    return rows


def require_increasing(stamps_ns: Sequence[int], rows: Sequence[Row]) -> None:
    """Raise SourceError at the first row whose timestamp is not after the one before."""
    for previous, stamp, row in zip(stamps_ns, stamps_ns[1:], rows[1:], strict=False):
        if stamp <= previous:
            raise SourceError(
                f"{row.where}: timestamp {stamp * 1e-9:.6f} s is not after {previous * 1e-9:.6f} s "
                "of the line before, expected increasing time"
            )
