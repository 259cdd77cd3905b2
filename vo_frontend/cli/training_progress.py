"""What the terminal shows while a network is trained."""

import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from vo_frontend.training.engine.task import ValidationRecord
    from vo_frontend.training.engine.trainer import StepRecord

REFRESH_S = 0.5  # in a terminal
REPEAT_S = 30.0  # in a file or pipe, where every line stays
FORGETTING = 0.98  # of the shown mean of the loss, per step


class TrainingProgress:
    """Writes the loss, items/s and the time left; each validation stays on a line of its own."""

    def __init__(self, num_steps: int, item_name: str, stream: TextIO | None = None) -> None:
        """Args: ``item_name``: plural of what a batch consists of; ``stream``: stderr by default."""
        self._num_steps, self._item_name = num_steps, item_name
        self._stream = stream or sys.stderr
        self._in_place = self._stream.isatty()
        self._interval_s = REFRESH_S if self._in_place else REPEAT_S
        self._first_s = self._shown_s = time.monotonic()
        self._num_done = self._num_items = 0
        self._loss: float | None = None

    def step(self, record: "StepRecord") -> None:
        """Count one step; show the line when it is due."""
        now_s = time.monotonic()
        self._num_done += 1
        self._num_items += record.num_items
        if not record.skipped:
            before = record.total if self._loss is None else self._loss
            self._loss = FORGETTING * before + (1 - FORGETTING) * record.total
        is_last = record.step + 1 == self._num_steps
        if now_s - self._shown_s >= self._interval_s or is_last:
            self._shown_s = now_s
            self._show(self._line(record, max(now_s - self._first_s, 1e-9)))

    def validation(self, record: "ValidationRecord") -> None:
        """Say how good the weights are."""
        self._end_line()
        self._stream.write(f"step {record.step + 1}: {record.summary()}\n")
        self._stream.flush()

    def close(self) -> None:
        """End the line, so that what follows starts on its own."""
        self._end_line()

    def _line(self, record: "StepRecord", elapsed_s: float) -> str:
        left_s = (self._num_steps - record.step - 1) * elapsed_s / self._num_done
        hours, minutes = divmod(round(left_s / 60), 60)
        loss = "-" if self._loss is None else f"{self._loss:.3f}"
        return (
            f"step {record.step + 1}/{self._num_steps}  loss {loss}  "
            f"{self._num_items / elapsed_s:.2f} {self._item_name}/s  {hours}:{minutes:02d} h left"
        )

    def _show(self, line: str) -> None:
        self._stream.write(f"\r{line:<79}" if self._in_place else f"{line}\n")
        self._stream.flush()

    def _end_line(self) -> None:
        if self._in_place and self._num_done:
            self._stream.write("\n")
