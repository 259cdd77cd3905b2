"""A file that only grows, record by record, and survives a full disk or a crash of this process."""

import contextlib
from pathlib import Path

from vo_frontend.errors import OutputError
from vo_frontend.formats.atomic import write_atomically


class AppendFile:
    """Hands each record to the system at once, completely or not at all.

    Unbuffered on purpose: what ``append`` accepted is safe from a crash of this process.

    Raises:
        OutputError: the file cannot be created, or a write fails; the message says how much is kept.
    """

    def __init__(self, path: Path, record: str = "rows") -> None:
        self.path = path
        self.size = 0  # bytes, always at the end of a record
        self.num_records = 0
        self.has_failed = False
        self._record = record
        try:
            self._file = open(path, "wb", buffering=0)  # noqa: SIM115  closed by close()
        except OSError as error:
            raise OutputError(f"{path}: cannot create the file ({error.strerror})") from None

    def append(self, data: bytes, num_records: int = 1) -> None:
        """Add records at the end; after a failure the file still ends where it did."""
        try:
            self._write_at(self.size, data)
        except OSError as error:
            self.has_failed = True
            self.truncate(self.size, self.num_records)
            raise self._error(error) from None
        self.size += len(data)
        self.num_records += num_records

    def append_provisionally(self, data: bytes) -> bool:
        """Write behind the end what the next call replaces; where there is no room return False."""
        try:
            self._write_at(self.size, data)
            self._file.truncate(self.size + len(data))
        except OSError:
            self.truncate(self.size, self.num_records)
            return False
        return True

    def overwrite(self, offset: int, data: bytes) -> None:
        """Replace bytes that were written before, for a count in a header."""
        try:
            self._write_at(offset, data)
        except OSError as error:
            self.has_failed = True
            raise self._error(error) from None

    def replace_tail(self, offset: int, data: bytes) -> None:
        """Write other records over those behind ``offset`` bytes, as many as there were.

        In one write, then a cut where they are shorter: a crash leaves no record out.
        """
        self.overwrite(offset, data)
        self.truncate(offset + len(data), self.num_records)

    def replace(self, data: bytes, num_records: int) -> None:
        """Begin anew with other content; a reader sees that of before or all of this."""
        try:
            write_atomically(self.path, data)
            self.close()
            self._file = open(self.path, "r+b", buffering=0)  # noqa: SIM115  closed by close()
        except OutputError:
            self.has_failed = True
            raise
        except OSError as error:
            self.has_failed = True
            raise self._error(error) from None
        self.size, self.num_records = len(data), num_records

    def truncate(self, size: int, num_records: int) -> None:
        """Forget everything behind ``size`` bytes, as far as the system allows."""
        self.size, self.num_records = size, num_records
        with contextlib.suppress(OSError):
            self._file.truncate(size)

    def close(self) -> None:
        """Close the file. Safe to call twice, and after a failure."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _write_at(self, offset: int, data: bytes) -> None:
        self._file.seek(offset)
        rest = memoryview(data)
        while rest:
            written = self._file.write(rest)
            rest = rest[written or 0 :]

    def _error(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path}: cannot write ({error.strerror}); the {self.num_records} {self._record} before are "
            "kept; free some space, then run again"
        )
