"""Tables that grow with the run and are cut back to the checkpoint when it resumes."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.errors import OutputError
from vo_frontend.formats.atomic import write_atomically


class MetricsFile:
    """A CSV file with one row per record; the first column is ``step``."""

    def __init__(self, path: Path, columns: Sequence[str], next_step: int = 0) -> None:
        """Create the file, or keep of an existing one the rows before ``next_step``.

        Raises:
            OutputError: the file cannot be written.
        """
        self._path = path
        kept = _rows_before(path, next_step) if next_step > 0 and path.exists() else []
        write_atomically(path, ("\n".join([",".join(columns), *kept]) + "\n").encode())
        try:
            self._file = path.open("a", encoding="utf-8", newline="")
        except OSError as error:
            raise OutputError(f"{path}: cannot open the file ({error.strerror})") from None

    def append(self, values: Sequence[float]) -> None:
        """Add one row, a value for each column, and hand it to the system at once.

        Raises:
            OutputError: the disk is full.
        """
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(
            f"{value:.9g}" if isinstance(value, float) else value for value in values
        )
        try:
            self._file.write(line.getvalue())
            self._file.flush()
        except OSError as error:
            raise OutputError(f"{self._path}: cannot write ({error.strerror}); free some space") from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_column(path: Path, name: str) -> list[float]:
    """Read the values of a column of a table of this module."""
    with path.open(encoding="utf-8", newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def _rows_before(path: Path, next_step: int) -> list[str]:
    """Read the complete rows of earlier steps; a killed process leaves half a row at the end."""
    rows = path.read_text(encoding="utf-8").split("\n")[1:-1]
    return [row for row in rows if row.partition(",")[0].isdigit() and int(row.partition(",")[0]) < next_step]
