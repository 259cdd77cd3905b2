"""A function of fixed shapes, run on NumPy images: as one replayed CUDA graph, or plainly on the CPU."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vo_frontend.types import Image

WARM_UP_CALLS = 3  # load kernels, let cuDNN choose, fill the allocator


class BatchFunction(Protocol):
    """Images of one shape in, one row of numbers per image out."""

    def __call__(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Returns (B, n), which the next call may overwrite."""
        ...


class PlainFunction:
    """Calls the function anew each time, on the CPU."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        """Take a function from (B, H, W) or (B, H, W, 3) uint8 to (B, n) float32."""
        self._function = function

    def __call__(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Call it on a batch."""
        result: NDArray[np.float32] = self._function(torch.from_numpy(np.stack(images))).numpy()
        return result


class GraphedFunction:
    """Captures the function once and replays it: one launch, one upload per image, one download.

    Without a graph, each of its hundreds of small operations would wait for Python. The buffers on both
    sides stay where they are, so calls must not overlap. Where several of them take turns on one stream, they
    can share a memory pool.
    """

    # Captures exclude each other: cuDNN's flags belong to the process, and a capture begins by waiting for
    # the whole device, which must not happen in the middle of another one.
    _capturing = threading.Lock()

    @torch.inference_mode()
    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        shape: tuple[int, ...],
        stream: torch.cuda.Stream,
        pool: Any,
    ) -> None:
        """Capture ``function``.

        Args:
            function: from ``shape`` uint8 to (B, n) float32, both on the device of ``stream``; it must
                neither read a tensor back nor upload a constant.
            shape: (B, H, W) or (B, H, W, 3).
            stream: to run on.
            pool: of ``torch.cuda.graph_pool_handle()``.
        """
        self._stream = stream
        self._function = function  # with it live the constants that the graph reads
        pinned = torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
        stream.wait_stream(torch.cuda.current_stream(stream.device))  # which uploads weights and constants
        with self._capturing, torch.cuda.stream(stream), _exact_convolutions():
            self._input = torch.zeros(shape, dtype=torch.uint8, device=stream.device)
            for _ in range(WARM_UP_CALLS):
                function(self._input)
            stream.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            # Other threads may allocate meanwhile.
            with torch.cuda.graph(self._graph, pool, stream, capture_error_mode="thread_local"):
                self._output = function(self._input)
        self._uploads = list(zip(pinned.numpy(), pinned, self._input, strict=True))
        self._downloaded = torch.empty(self._output.shape, dtype=self._output.dtype, pin_memory=True)
        self._result: NDArray[np.float32] = self._downloaded.numpy()

    @torch.inference_mode()
    def __call__(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Upload, replay, download, wait. Returns (B, n), which the next call overwrites."""
        with torch.cuda.stream(self._stream):
            for image, (array, pinned, uploaded) in zip(images, self._uploads, strict=True):
                np.copyto(array, image)
                uploaded.copy_(pinned, non_blocking=True)  # while the next image is being copied
            self._graph.replay()
            self._downloaded.copy_(self._output, non_blocking=True)
            self._stream.synchronize()
        return self._result


def _exact_convolutions() -> AbstractContextManager[None]:
    """Let cuDNN try its algorithms, but only those that repeat exactly and do not round to TF32."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=True, allow_tf32=False)
