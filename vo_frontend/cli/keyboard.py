"""Stop a run from the terminal: ``q`` without Enter, or Ctrl-C once."""

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class StopSwitch:
    """Remembers that the user asked to stop; takes effect between two frames."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @property
    def is_on(self) -> bool:
        """Whether q or Ctrl-C was pressed."""
        if not self._stopped.is_set() and _pressed_q():
            self._stopped.set()
        return self._stopped.is_set()

    def turn_on(self, signal_number: int, stack: FrameType | None) -> None:
        """Handle Ctrl-C; the second one interrupts at once, as Python does by default."""
        self._stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def stop_switch() -> Iterator[StopSwitch]:
    """Listen for Ctrl-C and, in a terminal, for q."""
    switch = StopSwitch()
    before = signal.signal(signal.SIGINT, switch.turn_on)
    try:
        with _keys_without_enter():
            yield switch
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _keys_without_enter() -> Iterator[None]:
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield
        return
    if not _is_foreground():
        yield
        return
    settings = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, settings)


def _is_foreground() -> bool:
    """Whether the terminal is ours: a background job that changes its settings is suspended."""
    try:
        return sys.stdin.isatty() and os.getpgrp() == os.tcgetpgrp(sys.stdin.fileno())
    except (OSError, ValueError):  # no terminal, or stdin is closed
        return False


def _pressed_q() -> bool:
    try:
        if not _is_foreground() or not select.select([sys.stdin], [], [], 0)[0]:
            return False
    except (OSError, ValueError):  # closed, or a system that selects on sockets only
        return False
    return sys.stdin.read(1) == "q"
