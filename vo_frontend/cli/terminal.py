"""What a long command shows: whole lines, and below them one line that changes.

Output never matters to a run: a terminal that was closed, a full disk behind ``2>`` or a reader that has gone
silences what is shown, and nothing else.
"""

import contextlib
import logging
import os
import sys
import threading
from typing import TextIO

# What is shown without being logged elsewhere goes to the log file by this logger, and only there.
transcript = logging.getLogger(__name__)


class Terminal:
    """Writes results to one stream, and all that is said meanwhile to another.

    Args:
        out: for results.
        err: for everything else.
        quiet: show warnings and errors only.
    """

    def __init__(self, out: TextIO, err: TextIO, *, quiet: bool = False) -> None:
        self._out, self._err = _Stream(out), _Stream(err)
        self.is_quiet = quiet
        self.changes_in_place = not quiet and self._err.is_terminal
        self._changing = ""
        self._lock = threading.RLock()  # warnings come from threads, too

    def say(self, text: str, *, note: bool = True) -> None:
        """Show whole lines above the line that changes; ``note``: also in the log file."""
        if note:
            transcript.info("%s", text)
        self._above(self._err, text)

    def print_result(self, text: str, *, note: bool = True) -> None:
        """Show whole lines of a result, for whoever reads standard output."""
        if note:
            transcript.info("%s", text)
        self._above(self._out, text)

    def change(self, text: str) -> None:
        """Replace the line that changes."""
        with self._lock:
            width = self._err.width - 1  # a line that wraps cannot be replaced
            self._err.write(f"\r{text[:width]:<{min(len(self._changing), width)}}")
            self._changing = text

    def keep_changing(self) -> None:
        """Let the line that changes stay as it is; a new one may begin below."""
        with self._lock:
            if self._changing:
                self._err.write("\n")
                self._changing = ""

    def _above(self, stream: "_Stream", text: str) -> None:
        with self._lock:
            changing = self._changing
            if changing:
                self.change("")
                self._err.write("\r")
            stream.write(text + "\n")
            if changing:
                self.change(changing)


class TerminalHandler(logging.Handler):
    """Shows log records as whole lines."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING if terminal.is_quiet else logging.NOTSET)
        self._terminal = terminal
        self.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        self.addFilter(lambda record: record.name != transcript.name)  # it shows that itself

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        try:
            text = self.format(record)
        except (TypeError, ValueError):  # its arguments do not fit its text
            self.handleError(record)
        else:
            self._terminal.say(text, note=False)


class _Stream:
    """A stream that falls silent for good when it cannot be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_silent = False
        with contextlib.suppress(ValueError):  # closed
            self.is_terminal = stream.isatty()

    is_terminal = False

    @property
    def width(self) -> int:
        """The columns of the terminal."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):  # no terminal, or closed
            return 80

    def write(self, text: str) -> None:
        """Write text, if that is still possible."""
        if self._is_silent:
            return
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):
            self._is_silent = True
            self._discard()

    def _discard(self) -> None:
        """Lead the stream nowhere: what it still holds must not fail once more when the program ends."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def open_standard_streams() -> None:
    """Open each standard stream that is closed (``2>&-``): else the next file takes it.

    A trajectory file that is number 2 would receive what libraries complain of.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
