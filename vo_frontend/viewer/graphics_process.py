"""The frame around everything that runs Open3D in a process of its own."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NoReturn

from vo_frontend.errors import ViewerError
from vo_frontend.viewer import availability

NICENESS = 10  # a software renderer takes every core it gets, and the estimator needs them more


def run_to_exit(work: Callable[[], None], to_parent: Connection) -> NoReturn:
    """Do the work of this process, send a ViewerError to the parent if it raises one, and exit.

    Leaves without unloading anything: graphics libraries like to crash or hang there, after all
    work is done.
    """
    _prepare()
    exit_code = 0
    try:
        work()
    except ViewerError as error:
        to_parent.send(error)
    except Exception:  # a bug: nobody above us would print it
        traceback.print_exc()
        exit_code = 1
    os._exit(exit_code)


def explain_exit(exit_code: int) -> str:
    """Say why a graphics process ended (``exit_code`` as multiprocessing gives it, not 0)."""
    if exit_code > 0:
        return f"failed with exit code {exit_code}, a bug: see the traceback above"
    return (
        f"crashed ({signal.Signals(-exit_code).name}), as it does without a graphics driver; "
        f"try: sudo apt install {availability.RENDERING_PACKAGES}"
    )


def _prepare() -> None:
    """Silence native libraries, leave Ctrl-C to the estimator's process, and give way to it.

    Native libraries write to the terminal's file descriptors and would break up the progress line;
    Python's own tracebacks still get through.
    """
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.nice(NICENESS)
