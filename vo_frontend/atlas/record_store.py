"""Strings of bytes by number: those used last in memory, the others in a temporary file."""

import tempfile
import weakref
from collections import OrderedDict
from typing import IO, NamedTuple

from vo_frontend.errors import OutputError

PAGE_BYTES = 4096  # places in the file are multiples, so that one that becomes free suits more records


class _Place(NamedTuple):
    offset: int
    num_bytes: int


class RecordStore:
    """Keeps immutable records; beyond a budget of memory those used longest ago are written to a file.

    The file is gone when the store is; it lies where Python puts temporary files (``TMPDIR``).
    """

    def __init__(self, max_memory_mb: float) -> None:
        self._max_bytes = int(max_memory_mb * 1e6)
        self._in_memory: OrderedDict[int, bytes] = OrderedDict()  # used last comes last
        self._memory_bytes = 0
        self._in_file: dict[int, _Place] = {}
        self._free: dict[int, list[int]] = {}  # offsets by number of pages
        self._file_bytes = 0
        self._file: IO[bytes] | None = None

    @property
    def memory_bytes(self) -> int:
        """Return how many bytes of records are in memory: at most the budget."""
        return self._memory_bytes

    @property
    def file_bytes(self) -> int:
        """Return how long the temporary file is."""
        return self._file_bytes

    def put(self, number: int, record: bytes) -> None:
        """Keep a record under a number, instead of the one before.

        Raises:
            OutputError: the temporary file cannot be made or is full.
        """
        self.remove(number)
        self._remember(number, record)

    def get(self, number: int) -> bytes:
        """Return the record of a number, which must have one.

        Raises:
            OutputError: making room for it needs the temporary file, which cannot be made or is full.
        """
        record = self._in_memory.get(number)
        if record is not None:
            self._in_memory.move_to_end(number)
            return record
        place = self._in_file[number]
        assert self._file is not None
        self._file.seek(place.offset)
        record = self._file.read(place.num_bytes)
        self._remember(number, record)
        return record

    def remove(self, number: int) -> None:
        """Forget the record of a number, if it has one."""
        record = self._in_memory.pop(number, None)
        if record is not None:
            self._memory_bytes -= len(record)
        place = self._in_file.pop(number, None)
        if place is not None:
            self._free.setdefault(_num_pages(place.num_bytes), []).append(place.offset)

    def _remember(self, number: int, record: bytes) -> None:
        self._in_memory[number] = record
        self._memory_bytes += len(record)
        while self._memory_bytes > self._max_bytes:
            oldest = next(iter(self._in_memory))
            if oldest not in self._in_file:  # records do not change: once is enough
                self._in_file[oldest] = self._write(self._in_memory[oldest])
            self._memory_bytes -= len(self._in_memory.pop(oldest))

    def _write(self, record: bytes) -> _Place:
        num_pages = _num_pages(len(record))
        free = self._free.get(num_pages)
        offset = free.pop() if free else self._file_bytes
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  lives as long as this
                weakref.finalize(self, self._file.close)
            self._file.seek(offset)
            written = self._file.write(record)
        except OSError as error:
            raise _cannot_write(error.strerror or str(error)) from None
        if written != len(record):
            raise _cannot_write("no space is left")
        self._file_bytes = max(self._file_bytes, offset + num_pages * PAGE_BYTES)
        return _Place(offset, len(record))


def _num_pages(num_bytes: int) -> int:
    return -(-num_bytes // PAGE_BYTES)


def _cannot_write(reason: str) -> OutputError:
    return OutputError(
        f"{tempfile.gettempdir()}: cannot write the keyframes that memory has no room for ({reason}); "
        "free some space, set TMPDIR to another folder, or raise atlas.max_memory_mb"
    )
