"""Output that nobody reads any more, as with ``| head``, is no error."""

import os
import sys
from collections.abc import Callable


def quietly(work: Callable[[], int]) -> int:
    """Do work that prints, and return its exit code; 0 if whoever reads its output leaves before the end."""
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
