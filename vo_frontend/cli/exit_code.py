"""What every command does with an error: one line for what the user can fix, a traceback for a bug."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType

from vo_frontend.cli.keyboard import polite_signals
from vo_frontend.errors import VoError


def exit_code_of(
    work: Callable[[], None],
    *,
    debug: bool = False,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> int:
    """Do the work. Returns 0, 2 for an error the user can fix (raised with ``debug``), 130 for Ctrl-C.

    Whoever ends a process politely (``kill``, ``timeout``, a closed terminal) is heard like Ctrl-C: measuring
    commands then write what they have. Commands that stop otherwise, as ``run`` does, say so inside the work.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # names of files need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _polite_signals_interrupt():
            work()
    except VoError as error:
        if debug:
            raise
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 0


@contextmanager
def _polite_signals_interrupt() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # where Python takes no handlers
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in polite_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(signal_number: int, stack: FrameType | None) -> None:
    for number in polite_signals():  # timeout and shells send theirs twice: to a process and to its group
        signal.signal(number, _hear_nothing)
    raise KeyboardInterrupt


def _hear_nothing(signal_number: int, stack: FrameType | None) -> None:
    """Let a signal pass. Not SIG_IGN, which children would inherit."""
