"""The log of a run, kept in its folder from the first line on."""

import logging
from contextlib import suppress
from logging.handlers import MemoryHandler
from pathlib import Path
from types import TracebackType

from vo_frontend.reports.run_folder import open_log


class RunLog:
    """Remembers what is logged, and writes it into the folder of the run as soon as there is one.

    A context manager: it listens from its beginning to its end. Warnings about the calibration or the weights
    come before there is a folder.
    """

    def __init__(self, logger_name: str | None = "vo_frontend") -> None:
        """Listen to a logger and all below it; None: to everybody, as a program of its own may."""
        self._logger = logging.getLogger(logger_name)
        self._memory = MemoryHandler(capacity=0, flushLevel=logging.NOTSET)
        self._file: logging.Handler | None = None

    def __enter__(self) -> "RunLog":
        self._logger.addHandler(self._memory)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._logger.removeHandler(self._memory)
        self._memory.close()
        if self._file is not None:
            with suppress(OSError):  # of a full disk, where what could not be written first has been named
                self._file.close()

    def write_into(self, folder: Path) -> None:
        """Write ``log.txt``: what was logged until now, and from now on every line at once.

        Raises:
            OutputError: the folder is not writable.
        """
        self._file = open_log(folder)
        self._memory.setTarget(self._file)
        self._memory.flush()
