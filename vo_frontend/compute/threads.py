"""A few threads that share the parts of a computation."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


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
