"""Arrays that begin where a cache line begins."""

import numpy as np
import pytest

from vo_frontend.compute.aligned import LINE_BYTES, aligned_copy, aligned_zeros


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 300, 70)])
def test_arrays_begin_at_a_line_and_hold_what_was_asked_for(shape: tuple[int, ...]) -> None:
    for dtype in (np.float32, np.uint16):
        found = aligned_zeros(shape, dtype)
        assert found.ctypes.data % LINE_BYTES == 0
        assert found.shape == shape
        assert found.dtype == np.dtype(dtype)
        assert found.flags.c_contiguous
        assert not found.any()
    array = np.arange(2.0 * np.prod(shape)).reshape(*shape, 2)[..., 0]
    copied = aligned_copy(array)
    assert copied.ctypes.data % LINE_BYTES == 0
    np.testing.assert_array_equal(copied, array)
