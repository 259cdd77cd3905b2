"""Parts of kernels, which only compiled code can call, made kernels that tests call."""

from typing import Any

from vo_frontend.compute.compilation import Kernel


def callable_part(part: Any) -> Kernel:
    """Compile a part for callers in Python; it computes the same."""
    return Kernel(part.py_func, targetoptions=part.targetoptions)
