"""A vector of float32 lanes as a numba type, and the dozen operations that the kernels need.

LLVM vectorises simple inner loops by itself, but it neither keeps a tile of sums in registers nor uses
the widest registers where it is left to choose. Kernels that spell out their vectors do both: within a
``njit`` function a ``Vector`` is a value like a float, e.g. ``store(fma(a, b, load(x, (k,))), y, (k,))``.
Outside of compiled code the functions cannot be called.

Arrays hold float32, or bfloat16 as uint16: the upper half of a float32. ``load`` and ``store`` go by the
array's type, so one kernel serves both; the arithmetic is float32 in any case. Of an array of uint32, whose
elements are pairs of bfloat16 (``simd_pairs``), they take the bits as they are.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model


def _register_lanes() -> int:
    """Count the float32 in a register of this machine; LLVM splits or merges where that is wrong."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx2") else 4


LANES = _register_lanes()
ROUNDING = 1.5 * 2**23 + 127  # adding it rounds to an integer; see ``rounded_power_of_two``
FLOATS = ir.VectorType(ir.FloatType(), LANES)
INTEGERS = ir.VectorType(ir.IntType(32), LANES)
_HALVES = ir.VectorType(ir.IntType(16), LANES)


class Vector(types.Type):
    """Numba's type of LANES float32 values."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


VECTOR = Vector()


@register_model(Vector)
class VectorModel(models.PrimitiveModel):  # type: ignore[misc]  # numba has no types
    """Keeps a vector in a register."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Read LANES elements along the last axis from the tuple ``index`` on; no bounds check."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return read_vector(builder, *vector_pointer(context, builder, signature.args, arguments))

    return VECTOR(array, index), generate


@intrinsic
def store(typing_context: Any, value: Any, array: Any, index: Any) -> Any:
    """Write LANES elements along the last axis from the tuple ``index`` on; no bounds check.

    bfloat16 is rounded to the nearest, ties to even; finite values only.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        write_vector(
            builder, arguments[0], *vector_pointer(context, builder, signature.args[1:], arguments[1:])
        )
        return context.get_dummy_value()

    return types.void(VECTOR, array, index), generate


@intrinsic
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of the element at the tuple ``index``, without waiting for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer, _ = vector_pointer(context, builder, signature.args, arguments)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        to_read, keep, data = (ir.Constant(number, value) for value in (0, 3, 1))
        builder.call(function, [builder.bitcast(pointer, byte), to_read, keep, data])
        return context.get_dummy_value()

    return types.void(array, index), generate


@intrinsic
def widen(typing_context: Any, element: Any) -> Any:
    """Convert an element of an array, float32 or bfloat16, to float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if signature.args[0] == types.float32:
            return arguments[0]
        bits = builder.shl(builder.zext(arguments[0], ir.IntType(32)), ir.Constant(ir.IntType(32), 16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(element), generate


@intrinsic
def splat(typing_context: Any, scalar: Any) -> Any:
    """Fill all lanes with a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        undefined = ir.Constant(FLOATS, ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, undefined, integers(0))

    return VECTOR(types.float32), generate


@intrinsic
def equal_lanes(typing_context: Any, a: Any, b: Any) -> Any:
    """Find the lanes in which a equals b, as bits of an int64: the lowest is the first lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        equal = builder.bitcast(builder.fcmp_ordered("==", *arguments), ir.IntType(LANES))
        return builder.zext(equal, ir.IntType(64))

    return types.int64(VECTOR, VECTOR), generate


@intrinsic
def lowest_bit(typing_context: Any, bits: Any) -> Any:
    """Find the position of the lowest bit that is set in an int64; 64 if none is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), generate


@intrinsic
def rounded_power_of_two(typing_context: Any, a: Any) -> Any:
    """Compute 2**n from n + ROUNDING, for integers n in -126..127.

    A float32 near ROUNDING is an integer; its lowest bits are those of n + 127, the biased exponent of 2**n.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], INTEGERS)
        return builder.bitcast(builder.shl(bits, integers(23)), FLOATS)

    return VECTOR(VECTOR), generate


def _lanewise(num_arguments: int, emit: Callable[..., Any], summary: str) -> Any:
    """Make an operation of vectors to a vector; ``emit(builder, *vectors)`` writes its instructions."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit(builder, *arguments)

    signature = VECTOR(*[VECTOR] * num_arguments)
    if num_arguments == 1:
        operation = intrinsic(lambda typing_context, a: (signature, generate))
    elif num_arguments == 2:
        operation = intrinsic(lambda typing_context, a, b: (signature, generate))
    elif num_arguments == 3:
        operation = intrinsic(lambda typing_context, a, b, c: (signature, generate))
    else:
        operation = intrinsic(lambda typing_context, a, b, c, d: (signature, generate))
    operation.__doc__ = summary
    return operation


def _llvm(name: str) -> Callable[..., Any]:
    """Emit a call of LLVM's own lane-wise function ``name``."""

    def emit(builder: Any, *arguments: Any) -> Any:
        kind = ir.FunctionType(FLOATS, [FLOATS] * len(arguments))
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32")
        return builder.call(function, arguments)

    return emit


add = _lanewise(2, lambda builder, a, b: builder.fadd(a, b), "Compute a + b.")
subtract = _lanewise(2, lambda builder, a, b: builder.fsub(a, b), "Compute a - b.")
multiply = _lanewise(2, lambda builder, a, b: builder.fmul(a, b), "Compute a * b.")
divide = _lanewise(2, lambda builder, a, b: builder.fdiv(a, b), "Compute a / b.")
fma = _lanewise(3, _llvm("fmuladd"), "Compute a * b + c, rounded once where the machine can.")
larger = _lanewise(
    2,
    lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b),
    "Choose the larger of a and b.",
)
smaller = _lanewise(
    2,
    lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b),
    "Choose the smaller of a and b.",
)
choose = _lanewise(
    4,
    lambda builder, a, b, c, d: builder.select(builder.fcmp_ordered(">", a, b), c, d),
    "Choose c where a > b, else d.",
)


def integers(value: int) -> Any:
    """Make a constant vector of equal int32."""
    return ir.Constant(INTEGERS, [value] * LANES)


def read_vector(builder: Any, pointer: Any, is_float32: bool) -> Any:
    """Load a vector of float32, or of bfloat16 made float32."""
    if is_float32:
        return builder.load(pointer, align=4)
    bits = builder.zext(builder.load(pointer, align=2), INTEGERS)
    return builder.bitcast(builder.shl(bits, integers(16)), FLOATS)


def write_vector(builder: Any, value: Any, pointer: Any, is_float32: bool) -> None:
    """Store a vector of float32, or of bfloat16 rounded from it."""
    if is_float32:
        builder.store(value, pointer, align=4)
        return
    bits = builder.bitcast(value, INTEGERS)
    is_odd = builder.and_(builder.lshr(bits, integers(16)), integers(1))
    rounded = builder.add(builder.add(bits, integers(0x7FFF)), is_odd)
    builder.store(builder.trunc(builder.lshr(rounded, integers(16)), _HALVES), pointer, align=2)


def vector_pointer(context: Any, builder: Any, kinds: Any, arguments: Any) -> Any:
    """Find the address of element arguments[1] (a tuple) of array arguments[0], for a whole vector.

    Returns it and whether the elements are float32, or bits taken for it, else bfloat16.
    """
    element = element_pointer(context, builder, kinds, arguments)
    is_float32 = kinds[0].dtype != types.uint16
    return builder.bitcast(element, (FLOATS if is_float32 else _HALVES).as_pointer()), is_float32


def element_pointer(context: Any, builder: Any, kinds: Any, arguments: Any) -> Any:
    """Find the address of element arguments[1] (a tuple) of array arguments[0]."""
    array = context.make_array(kinds[0])(context, builder, arguments[0])
    index = [
        context.cast(builder, position, kind, types.intp)
        for position, kind in zip(cgutils.unpack_tuple(builder, arguments[1]), kinds[1], strict=True)
    ]
    return cgutils.get_item_pointer(context, builder, kinds[0], array, index, wraparound=False)
