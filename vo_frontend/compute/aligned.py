"""Arrays that begin where a line of the cache begins."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LINE_BYTES = 64


def aligned_zeros(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Allocate zeros whose first element begins a cache line.

    NumPy begins 16 bytes later or so: each vector of 64 bytes would touch two lines.
    """
    num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(num_bytes + LINE_BYTES, np.uint8)
    first = -raw.ctypes.data % LINE_BYTES
    return raw[first : first + num_bytes].view(dtype).reshape(shape)


def aligned_copy(array: NDArray[Any]) -> NDArray[Any]:
    """Copy an array to where a cache line begins, in C order."""
    copied = aligned_zeros(array.shape, array.dtype)
    copied[...] = array
    return copied
