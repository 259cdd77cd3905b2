"""Functions of fixed shapes on NumPy images, captured once as CUDA graphs and replayed for each batch."""

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
    """Turns images of one shape into one row of numbers per image."""

    def __call__(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Run on B images, (H, W) or (H, W, 3) uint8. Returns (B, n), which the next call may overwrite."""
        ...


class Capture(Protocol):
    """Makes a function of tensors callable with images."""

    def __call__(self, function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> BatchFunction:
        """Prepare a function from ``shape``, (B, H, W) or (B, H, W, 3) uint8, to (B, n) float32."""
        ...


class CudaGraphCapture:
    """Captures functions of one device as graphs that take turns on a stream and share a memory pool."""

    def __init__(self, device: torch.device) -> None:
        """Make the stream and the pool on a CUDA device."""
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> BatchFunction:
        """Capture a function from ``shape``, (B, H, W) or (B, H, W, 3) uint8, to (B, n) float32."""
        return CudaGraphFunction(function, shape, self._stream, self._pool)


class CudaGraphFunction:
    """Captures a function once and replays it: one launch, one upload per image, one download.

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
        """Upload B images, replay, download, wait. Returns (B, n), which the next call overwrites."""
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
