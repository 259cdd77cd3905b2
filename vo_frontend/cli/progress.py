"""The one line that the terminal shows while a run goes on."""

import time
from typing import TYPE_CHECKING

from vo_frontend.cli.console import Console
from vo_frontend.cli.terminal import Terminal, transcript
from vo_frontend.types import Frame, FrameResult

if TYPE_CHECKING:
    from vo_frontend.compute.compile_ahead import Readiness

REFRESH_S = 0.2  # in a terminal
REPEAT_S = 10.0  # in a file, a pipe or the log, where every line stays


class CompilationLine:
    """Shows how many kernels are ready, in a terminal, where the line changes in place."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._shown: Readiness | None = None

    def show(self, readiness: "Readiness") -> None:
        """Change the line when another kernel is ready; keep it when all are."""
        if readiness == self._shown or not self._terminal.changes_in_place:
            return
        self._shown = readiness
        self._terminal.change(f"{readiness.num_ready} of {readiness.num_missing} kernels are ready")
        if readiness.num_ready == readiness.num_missing:
            self._terminal.keep_changing()


class ProgressSink:
    """Shows frames, frames/s, state and, where the length is known, the time left."""

    def __init__(self, num_frames: int | None, console: Console) -> None:
        self._num_frames = num_frames
        self._console = console
        self._num_done = 0
        self._first_s = self._shown_s = self._kept_s = time.monotonic()

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Count one frame; show the line when it is due."""
        self._console.listen()
        self._num_done += 1
        now_s = time.monotonic()
        if self._num_done == 1:
            self._first_s = now_s
        is_last = self._num_done == self._num_frames
        terminal = self._console.terminal
        if is_last or now_s - self._kept_s >= REPEAT_S:
            self._kept_s = self._shown_s = now_s
            self._keep(self._line(result, now_s - self._first_s))
        elif terminal.changes_in_place and now_s - self._shown_s >= REFRESH_S:
            self._shown_s = now_s
            terminal.change(self._line(result, now_s - self._first_s))

    def close(self) -> None:
        """End the line, so that what follows starts on its own."""
        self._console.terminal.keep_changing()
        self._console.sum_up()

    def _line(self, result: FrameResult, elapsed_s: float) -> str:
        pace_hz = (self._num_done - 1) / elapsed_s if elapsed_s > 0 else 0.0
        total = f"/{self._num_frames}" if self._num_frames else ""
        why = f" ({result.reason.value})" if result.reason.value else f", {result.num_inliers} inliers"
        line = f"frame {self._num_done}{total}  {pace_hz:.1f} frames/s  {result.status.value}{why}"
        if self._num_frames and pace_hz:
            line += f"  {(self._num_frames - self._num_done) / pace_hz:.0f} s left"
        return line

    def _keep(self, line: str) -> None:
        terminal = self._console.terminal
        if terminal.changes_in_place:
            transcript.info("%s", line)
            terminal.change(line)
        elif not terminal.is_quiet:
            terminal.say(line)
