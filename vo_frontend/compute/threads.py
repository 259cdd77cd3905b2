"""A few threads that share the parts of a computation."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

THREADS_VARIABLE = "OMP_NUM_THREADS"  # of OpenMP: whoever sets it for other programs means us, too
SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"  # of Linux: what shares a core


def default_num_threads() -> int:
    """Count the threads that arithmetic is worth: ``$OMP_NUM_THREADS``, else the cores open to this process.

    Two threads of one core share the units that multiply, so they count once where the system tells.
    """
    asked = os.environ.get(THREADS_VARIABLE, "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    if sys.platform != "linux":
        return os.cpu_count() or 1
    logical = os.sched_getaffinity(0)
    try:
        return len({Path(SIBLINGS.format(number)).read_text() for number in logical})
    except OSError:
        return len(logical)


class ThreadTeam:
    """Runs compiled functions that release the interpreter lock, one part per thread.

    Numba's own ``prange`` takes no nested tuples, and its threads spin against those of torch.
    """

    def __init__(self, size: int) -> None:
        """Start ``size`` threads, the caller's included."""
        self.size = size
        self._pool = ThreadPoolExecutor(size - 1, "extractor") if size > 1 else None

    def run(self, kernel: Callable[..., Any], *arguments: Any) -> None:
        """Call ``kernel(part, size, *arguments)`` for each part and wait for all of them."""
        others = []
        if self._pool is not None:
            others = [self._pool.submit(kernel, part, self.size, *arguments) for part in range(1, self.size)]
        kernel(0, self.size, *arguments)
        for other in others:
            other.result()
