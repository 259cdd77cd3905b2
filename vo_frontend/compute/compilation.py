"""How this package compiles its small numeric kernels with numba.

``kernel`` releases the GIL, and divides by zero as NumPy does. ``inlined`` is for what kernels call per
element: an array is passed as seven arguments, which costs more than a dozen multiplications. Fused
multiply-add is allowed, no other freedom with floating point.

Whoever edits an inlined function: numba's cache on disk looks at the file of the caller only. Delete
``__pycache__`` to see the change in kernels of other files.
"""

from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
inlined = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
