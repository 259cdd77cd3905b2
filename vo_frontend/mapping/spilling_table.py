"""Rows that grow in number: in memory, beyond a budget in a temporary file."""

import tempfile
import weakref
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import OutputError

FIRST_CAPACITY = 256  # rows; doubled when they are full, while they are in memory
FILE_STEP_BYTES = 16 * 1024 * 1024


class SpillingTable:
    """Keeps rows of one type, zero until they are written; beyond a budget they lie in a memory-mapped file.

    The file is gone when the table is; it lies where Python puts temporary files (``TMPDIR``).

    Args:
        row: type of a row.
        max_memory_bytes: beyond it, all rows move to the file.
    """

    def __init__(self, row: np.dtype[np.void], max_memory_bytes: int) -> None:
        self.rows: NDArray[Any] = np.zeros(0, row)  # (capacity,); another array after each ``reserve``
        self._max_rows_in_memory = max_memory_bytes // row.itemsize
        self._file: IO[bytes] | None = None

    def reserve(self, num_rows: int) -> None:
        """Make room for so many rows; what is there stays.

        Raises:
            OutputError: the temporary file cannot be made or is full.
        """
        if num_rows <= len(self.rows):
            return
        capacity = max(num_rows, 2 * len(self.rows), FIRST_CAPACITY)
        if self._file is None and capacity <= self._max_rows_in_memory:
            larger = np.zeros(capacity, self.rows.dtype)
            larger[: len(self.rows)] = self.rows
            self.rows = larger
            return
        try:
            self.rows = self._mapped(num_rows + FILE_STEP_BYTES // self.rows.itemsize)
        except OSError as error:
            raise OutputError(
                f"{tempfile.gettempdir()}: cannot write what memory has no room for ({error.strerror}); "
                "free some space, or set TMPDIR to another folder"
            ) from None

    def _mapped(self, capacity: int) -> NDArray[Any]:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as this
            weakref.finalize(self, self._file.close)
            self._file.write(self.rows.tobytes())
        self._file.seek(0, 2)
        # Zeros are written, not skipped: a full disk is an error here, but a crash where a page is touched.
        self._file.write(bytes((capacity - len(self.rows)) * self.rows.itemsize))
        self._file.flush()
        return np.asarray(np.memmap(self._file, self.rows.dtype, "r+", shape=(capacity,)))
