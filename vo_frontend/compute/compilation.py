"""How this package compiles its small numeric kernels with numba.

A ``kernel`` releases the GIL, divides by zero as NumPy does, and is kept on disk (``kernel_files.py``). Fused
multiply-add is allowed in it, no other freedom with floating point; an ``exact_kernel`` rounds as written.
``inlined`` is what kernels are made of, ``part`` and ``inlined_part`` what exact kernels are. An array is
passed as seven arguments, which costs more than a dozen multiplications: hence the inlined ones.

Compiling is what a first run waits for (``compile_ahead.py``), so kernels are made cheap to compile.
Each is compiled once for all constants: left alone, numba compiles a function anew for every literal that it
is called with. ``a[i:j] = b`` costs a tenth of a second each time, for its error message; a loop does not.
"""

from collections.abc import Callable, Mapping
from typing import Any

from numba.core import sigutils
from numba.core.registry import CPUDispatcher
from numba.core.types.misc import unliteral
from numba.core.typing.typeof import Purpose, typeof
from numpy.typing import NDArray

from vo_frontend.compute.kernel_files import KernelCache
from vo_frontend.compute.linked_parts import KernelPipeline, LinkedPart

OPTIONS = {"nopython": True, "nogil": True, "error_model": "numpy"}
CONTRACT = {**OPTIONS, "fastmath": {"contract"}}
Types = tuple[Any, ...]  # numba's, of the arguments


class Part(LinkedPart):
    """A function of kernels that numba compiles once for all constants."""

    def get_call_template(self, args: Types, kws: Mapping[str, Any]) -> Any:
        """Choose what a call from compiled code calls, by the types of its arguments."""
        return super().get_call_template(*_widened(args, kws))


class Kernel(CPUDispatcher):  # type: ignore[misc]  # numba has no types
    """A function that Python calls, and that numba compiles once for all constants.

    Attributes:
        called_with: types of the arguments that Python calls it with, where they are declared.
    """

    called_with: Types | None = None

    def enable_caching(self) -> None:
        """Keep what is compiled on disk."""
        self._cache = KernelCache(self.py_func)

    def get_call_template(self, args: Types, kws: Mapping[str, Any]) -> Any:
        """Choose what a call from compiled code calls, by the types of its arguments."""
        return super().get_call_template(*_widened(args, kws))

    def is_on_disk(self, argument_types: Types) -> bool:
        """Tell whether it need not be compiled for these types."""
        return bool(self._cache.has(argument_types, self.targetctx.codegen()))


def kernel(function: Callable[..., Any]) -> Kernel:
    """Compile a function with fused multiply-add, and keep it on disk."""
    return _kept(Kernel(function, targetoptions=CONTRACT, pipeline_class=KernelPipeline))


def exact_kernel(function: Callable[..., Any]) -> Kernel:
    """Compile a function that rounds as written, and keep it on disk."""
    return _kept(Kernel(function, targetoptions=OPTIONS, pipeline_class=KernelPipeline))


def called_with(signature: str) -> Callable[[Kernel], Kernel]:
    """Declare what Python calls a kernel with, in numba's notation, so that it can be compiled ahead."""

    def declare(declared: Kernel) -> Kernel:
        declared.called_with, _ = sigutils.normalize_signature(signature)
        return declared

    return declare


def types_of(arguments: tuple[object, ...]) -> Types:
    """Find numba's types of arguments."""
    return tuple(typeof(argument, Purpose.argument) for argument in arguments)


def inlined(function: Callable[..., Any]) -> Part:
    """Compile a small function into those that call it, with fused multiply-add."""
    return Part(function, targetoptions={**CONTRACT, "forceinline": True})


def part(function: Callable[..., Any]) -> Part:
    """Compile a function that kernels call and that rounds as written."""
    return Part(function, targetoptions=OPTIONS)


def inlined_part(function: Callable[..., Any]) -> Part:
    """Compile a small function that rounds as written into those that call it."""
    return Part(function, targetoptions={**OPTIONS, "forceinline": True})


@inlined
def clear(array: NDArray[Any]) -> None:
    """Write zeros into a whole array."""
    for index in range(array.size):
        array.flat[index] = 0


def _widened(args: Types, kws: Mapping[str, Any]) -> tuple[Types, dict[str, Any]]:
    return tuple(unliteral(kind) for kind in args), {name: unliteral(kind) for name, kind in kws.items()}


def _kept(compiled: Kernel) -> Kernel:
    compiled.enable_caching()
    return compiled
