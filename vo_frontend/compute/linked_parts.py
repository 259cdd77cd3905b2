"""How numba compiles what kernels are made of: to be linked into a kernel, not to be called from Python.

Numba makes machine code of every function, with two wrappers for other callers, and optimises it twice, as
the kernel that it ends up in. Machine code and wrappers are left out here. What rounds as written is
optimised once, which cannot change a digit; not at all, and gathered loads took a tenth longer. Where
multiplications may be fused, the optimiser has a say in which, so both passes stay.

What numba brings itself rounds as written, too: a process that only compiles has it linked as well. That
and the wrappers for C, which nobody calls, were a twelfth of the time.
"""

from collections.abc import Callable
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher
from numba.core.typing.templates import _OverloadFunctionTemplate


class LinkedPart(CPUDispatcher):  # type: ignore[misc]  # numba has no types
    """A function that only compiled code can call."""

    def __init__(self, function: Any, targetoptions: dict[str, Any]) -> None:
        super().__init__(function, targetoptions=targetoptions, pipeline_class=_LinkedPipeline)

    def add_overload(self, compiled: Any) -> None:
        """Keep what was compiled where code that calls it looks for it."""
        key = compiled.fndesc  # numba takes the address for Python, which there is none of
        self.targetctx.insert_user_function(key, compiled.fndesc, [compiled.library])
        self.overloads[tuple(compiled.signature.args)] = compiled._replace(entry_point=key)


class _LinkedLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code that never becomes machine code by itself."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _ExactLibrary(_LinkedLibrary):
    """Code that rounds as written: it is optimised once."""

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


class KernelPipeline(Compiler):  # type: ignore[misc]
    """Compiles a function for callers in Python and for kernels, but not for C."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.state.flags.no_cfunc_wrapper = True


def link_what_numba_brings() -> None:
    """Compile numba's own functions to be linked only, from now on, in the whole process."""

    def linked(**options: Any) -> Callable[[Callable[..., Any]], LinkedPart]:
        return lambda function: LinkedPart(function, targetoptions=options)

    _OverloadFunctionTemplate._get_jit_decorator = lambda self: linked


class _LinkedPipeline(Compiler):  # type: ignore[misc]
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        library = _LinkedLibrary if self.state.flags.fastmath else _ExactLibrary
        self.state.library = library(self.state.targetctx.codegen(), "part")
        for flag in ("no_compile", "no_cpython_wrapper", "no_cfunc_wrapper"):
            setattr(self.state.flags, flag, True)
