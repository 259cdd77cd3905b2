"""Stop a run: ``q`` without Enter, Ctrl-C once, a closed terminal, or whoever ends processes politely."""

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

POLITE_SIGNALS = ("SIGTERM", "SIGHUP")  # of kill, timeout, systemd and docker; of a terminal that is closed


class StopSwitch:
    """Remembers that the user asked to stop; takes effect between two frames."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @property
    def is_on(self) -> bool:
        """Whether q or Ctrl-C was pressed, or the system has asked to end."""
        if not self._stopped.is_set() and _pressed_q():
            self._stopped.set()
        return self._stopped.is_set()

    def turn_on(self, signal_number: int, stack: FrameType | None) -> None:
        """Handle a signal; a second Ctrl-C interrupts at once, as Python does by default.

        Other signals may come twice: ``timeout`` and shells send them to a process and to its group.
        """
        self._stopped.set()
        if signal_number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def stop_switch() -> Iterator[StopSwitch]:
    """Listen for Ctrl-C, for the signals that ask a process to end and, in a terminal, for q."""
    switch = StopSwitch()
    before = {number: signal.signal(number, switch.turn_on) for number in (signal.SIGINT, *polite_signals())}
    try:
        with _keys_without_enter():
            yield switch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def polite_signals() -> list[signal.Signals]:
    """List those of ``POLITE_SIGNALS`` to hear; one that we were started to ignore (nohup) stays ignored."""
    named = [signal.Signals[name] for name in POLITE_SIGNALS if name in signal.Signals.__members__]
    return [each for each in named if signal.getsignal(each) is not signal.SIG_IGN]


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
