"""How a command ends as a process of its own."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn


def end_with(work: Callable[[], int]) -> NoReturn:
    """Do work that prints, and end the process with its exit code.

    The code is 0 if whoever reads the output leaves before its end, as ``| head`` does. A thread that is
    inside a library does not change it either: the interpreter would unwind that thread, C++ lets nobody do
    so, and a run whose files are all written would end with "terminate called without an active exception".
    """
    exit_code = _quietly(work)
    if not any(thread.daemon for thread in threading.enumerate()):
        sys.exit(exit_code)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(exit_code)


def _quietly(work: Callable[[], int]) -> int:
    exit_code = 0
    try:
        try:
            exit_code = work()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes both once more when it ends, and would complain.
        for stream in (sys.stdout, sys.stderr):
            _discard(stream.fileno())
    return exit_code


def _discard(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
