"""What a video decoder says while it decodes a frame, where the error stream is a file that can be read."""

import os
import re
import stat

STDERR = 2
# A decoder of ffmpeg that has patched up a picture; what it scales and demultiplexes has other complaints.
DAMAGE = re.compile(
    rb"^\[(?!swscaler|matroska|avi )\w+ @ 0x[0-9a-f]+\] "
    rb".*(error|damaged|failed|illegal|invalid|not reached"
    rb"|outside the valid range|CABAC_MAX_BIN|could not find ref|slice in a frame missing|undecodable)",
    re.IGNORECASE | re.MULTILINE,
)


class DecoderComplaints:
    """Listens to file descriptor 2, without touching it.

    OpenCV does not pass on which frames ffmpeg has patched up. The command line keeps in a file what
    libraries in C write there; where it is a terminal or a pipe, nothing is heard.
    """

    def __init__(self) -> None:
        self._position = _position()

    def heard(self) -> bool:
        """Tell whether a decoder has found damage since the last call."""
        begin, self._position = self._position, _position()
        if self._position <= begin:
            return False
        try:
            return DAMAGE.search(os.pread(STDERR, self._position - begin, begin)) is not None
        except OSError:  # may only be written
            return False


def _position() -> int:
    """Return where the next line will be written; 0 where that is no file."""
    try:
        is_file = stat.S_ISREG(os.fstat(STDERR).st_mode)
        return os.lseek(STDERR, 0, os.SEEK_CUR) if is_file else 0
    except OSError:  # closed
        return 0
