"""What libraries in C write to the error stream, past Python: kept, counted, and shown as lines of ours."""

import contextlib
import faulthandler
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO, cast

STDERR = 2
KEPT_BYTES = 1 << 20  # of what was read already
# Complaints about one image or packet, of which a damaged recording causes thousands.
NOISE = {
    "libpng": re.compile(r"libpng (warning|error): "),
    "libjpeg": re.compile(r"(Corrupt JPEG data|Premature end of JPEG|Invalid SOS|Unsupported marker)"),
    "ffmpeg": re.compile(r"(\[[^]]+ @ 0x[0-9a-f]+\] |\s+Last message repeated )"),
    "OpenCV": re.compile(r"\[ ?(FATAL|ERROR|WARN|INFO|DEBUG)\s*:\d+@"),
}


class ForeignOutput:
    """Reads what was written to file descriptor 2 meanwhile.

    A file and no pipe: it never blocks the library that writes, and needs no thread that reads.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0
        self._unfinished = b""
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def read(self) -> list[str]:
        """Return the lines that are new and no noise; noise is counted."""
        size = os.fstat(self._file.fileno()).st_size
        if size <= self._position:
            return []
        new = os.pread(self._file.fileno(), size - self._position, self._position)
        if (self._position + len(new)) // KEPT_BYTES > self._position // KEPT_BYTES:
            os.ftruncate(
                self._file.fileno(), 0
            )  # writing goes on where it was; what was before takes no space
        self._position += len(new)
        *lines, self._unfinished = (self._unfinished + new).split(b"\n")
        return [text for line in lines if (text := self._sift(line.decode(errors="replace").rstrip()))]

    def take_counts(self) -> list[str]:
        """Return a line for every library that has complained since the last call."""
        lines = [
            f"{name} complained {count} time{'s' if count > 1 else ''}, at first: {self._first[name]}"
            for name, count in self._counts.items()
        ]
        self._counts.clear()
        return lines

    def _sift(self, line: str) -> str:
        for name, pattern in NOISE.items():
            if pattern.match(line):
                self._counts[name] += 1
                self._first.setdefault(name, line.strip())
                return ""
        return line


@contextmanager
def foreign_output() -> Iterator[tuple[ForeignOutput, TextIO]]:
    """Lead file descriptor 2 into a file while the context lasts; where that is not possible, leave it alone.

    Yields:
        What is written there, and the stream that still shows what we say.
    """
    sys.stderr.flush()
    kept = os.dup(STDERR)
    shown = sys.stderr
    if _descriptor(sys.stderr) == STDERR:
        shown = open(kept, "w", encoding=sys.stderr.encoding, closefd=False)  # noqa: SIM115
    tells_of_crashes = not faulthandler.is_enabled()
    if tells_of_crashes:  # what a crash writes to descriptor 2 would be lost
        faulthandler.enable(kept)
    try:
        with _open_file() as file:
            if file.writable():
                os.dup2(file.fileno(), STDERR)
            yield ForeignOutput(file), shown
    finally:
        if tells_of_crashes:
            faulthandler.disable()
        with contextlib.suppress(OSError, ValueError):  # the disk of the file is full
            sys.stderr.flush()
        os.dup2(kept, STDERR)
        os.close(kept)


def _open_file() -> BinaryIO:
    """Open a file without a name; one that holds nothing where there can be none."""
    if sys.platform == "win32":  # cannot read at a position of one's own
        return open(os.devnull, "rb")
    try:
        return cast(BinaryIO, tempfile.TemporaryFile())
    except OSError:  # no folder can be written
        return open(os.devnull, "rb")


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        return None
