"""Everything that the processes which draw or record share: how they start, fail and exit."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NoReturn

from vo_frontend.errors import ViewerError
from vo_frontend.viewer import availability

NICENESS = 10  # of drawing: a software renderer takes every core it gets, and the estimator needs them


def run_to_exit(work: Callable[[], None], to_parent: Connection, niceness: int = NICENESS) -> NoReturn:
    """Run ``work`` with less priority, send a ViewerError that it raises to the parent, and exit the process.

    Exits without unloading anything, because graphics libraries tend to crash or hang there.
    """
    _prepare(niceness)
    exit_code = 0
    try:
        work()
    except ViewerError as error:
        to_parent.send(error)
    except Exception:  # a bug: nothing above this would print it
        traceback.print_exc()
        exit_code = 1
    os._exit(exit_code)


def explain_exit(exit_code: int) -> str:
    """Explain why a graphics process ended; ``exit_code`` is that of multiprocessing, not 0."""
    if exit_code > 0:
        return f"failed with exit code {exit_code}, a bug: see the traceback above"
    return (
        f"crashed ({signal.Signals(-exit_code).name}), as it does without a graphics driver; "
        f"try: sudo apt install {availability.RENDERING_PACKAGES}"
    )


def _prepare(niceness: int) -> None:
    """Silence native libraries, leave Ctrl-C to the estimator's process, and lower our own priority.

    Native libraries write to the terminal's file descriptors and would break up the progress line;
    Python's own tracebacks still get through.
    """
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.nice(niceness)
