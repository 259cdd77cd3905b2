"""The one line that the terminal shows while a run goes on."""

import sys
import time
from typing import TextIO

from vo_frontend.types import Frame, FrameResult

REFRESH_S = 0.2  # in a terminal
REPEAT_S = 10.0  # in a file or pipe, where every line stays


class ProgressSink:
    """Writes frames, frames/s, state and, where the length is known, the time left."""

    def __init__(self, num_frames: int | None, stream: TextIO | None = None) -> None:
        self._num_frames = num_frames
        self._stream = stream or sys.stderr
        self._in_place = self._stream.isatty()
        self._interval_s = REFRESH_S if self._in_place else REPEAT_S
        self._num_done = 0
        self._first_s = self._shown_s = time.monotonic()

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Count one frame; show the line when it is due."""
        self._num_done += 1
        now_s = time.monotonic()
        if self._num_done == 1:
            self._first_s = now_s  # compiling and loading are not the pace of the run
        if now_s - self._shown_s >= self._interval_s or self._num_done == self._num_frames:
            self._shown_s = now_s
            self._show(self._line(result, now_s - self._first_s))

    def close(self) -> None:
        """End the line, so that what follows starts on its own."""
        if self._in_place and self._num_done:
            self._stream.write("\n")
            self._stream.flush()

    def _line(self, result: FrameResult, elapsed_s: float) -> str:
        pace_hz = (self._num_done - 1) / elapsed_s if elapsed_s > 0 else 0.0
        total = f"/{self._num_frames}" if self._num_frames else ""
        why = f" ({result.reason.value})" if result.reason.value else f", {result.num_inliers} inliers"
        line = f"frame {self._num_done}{total}  {pace_hz:.1f} frames/s  {result.status.value}{why}"
        if self._num_frames and pace_hz:
            line += f"  {(self._num_frames - self._num_done) / pace_hz:.0f} s left"
        return line

    def _show(self, line: str) -> None:
        # Pad: a shorter line must not leave the end of a longer one behind.
        self._stream.write(f"\r{line:<90}" if self._in_place else f"{line}\n")
        self._stream.flush()
