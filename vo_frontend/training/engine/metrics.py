"""Tables that grow with the run and are cut back to the checkpoint when it resumes."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

from vo_frontend.errors import OutputError


class MetricsFile:
    """A CSV file with one row per record; the first field of every record is ``step``."""

    def __init__(self, path: Path, record_type: type, next_step: int = 0) -> None:
        """Create the file, or keep of an existing one the rows before ``next_step``.

        Raises:
            OutputError: the file cannot be written.
        """
        self._path = path
        header = ",".join(field.name for field in dataclasses.fields(record_type))
        kept = _rows_before(path, next_step) if next_step > 0 and path.exists() else []
        temporary = path.with_name(f".{path.name}.part")
        try:
            temporary.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")
            temporary.replace(path)
            self._file = path.open("a", encoding="utf-8", newline="")
        except OSError as error:
            raise OutputError(f"{path}: cannot create the file ({error.strerror})") from None

    def append(self, record: Any) -> None:
        """Add one record and hand it to the system at once.

        Raises:
            OutputError: the disk is full.
        """
        line = io.StringIO()
        values = dataclasses.astuple(record)
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


def _rows_before(path: Path, next_step: int) -> list[str]:
    """Complete rows with an earlier step; a process killed while writing leaves half a row at the end."""
    rows = path.read_text(encoding="utf-8").split("\n")[1:-1]
    return [row for row in rows if row.partition(",")[0].isdigit() and int(row.partition(",")[0]) < next_step]
