"""Pairs of bfloat16, and the instruction that multiplies them two at a time and sums in float32.

A pair fills 32 bits, the even one of two channels in the lower half. Arrays of pairs are uint32: planar maps
have half as many channels and their columns where a map of float32 has them, tables have half as many
columns. Kernels go by the type of their arrays, so that one serves float32 and pairs; where the processor
lacks the instruction (``HAS_PAIRS``), nothing may make arrays of pairs.

The instruction takes subnormal numbers for zero.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic
from numpy.typing import NDArray

from vo_frontend.compute.simd import FLOATS, INTEGERS, LANES, VECTOR, integers, vector_pointer


def _has_pairs() -> bool:
    """Tell whether compiled code may use the instruction: numba can be told to do without."""
    features = config.CPU_FEATURES if config.CPU_FEATURES is not None else get_host_cpu_features()
    return LANES == 16 and config.CPU_NAME is None and "+avx512bf16" in features.split(",")


class _Bfloat(ir.Type):  # type: ignore[misc]  # llvmlite has no types
    """LLVM's type of one bfloat16, which llvmlite has no name for."""

    def _to_string(self) -> str:
        return "bfloat"


HAS_PAIRS = _has_pairs()
_BFLOATS = ir.VectorType(_Bfloat(), 2 * LANES)
_HALF_BFLOATS = ir.VectorType(_Bfloat(), LANES)
_SHORTS = ir.VectorType(ir.IntType(16), 2 * LANES)
_INT32, _MASK = ir.IntType(32), ir.IntType(16)
_ALL = ir.Constant(_MASK, -1)
_AS_ROUNDED_NOW = ir.Constant(_INT32, 4)
_FLOOR = ir.Constant(_INT32, 9)
HALF_LANES = LANES // 2


def pair_up(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Round float32 (..., C), finite and normal, to pairs (..., C / 2 rounded up); the last is zero."""
    filled = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, values.shape[-1] % 2)])
    bits = np.ascontiguousarray(filled).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)
    return np.asarray(rounded[..., ::2] | rounded[..., 1::2] << np.uint32(16), np.uint32)


@intrinsic
def is_paired(typing_context: Any, array: Any) -> Any:
    """Tell whether an array holds pairs; known when compiled, so that a branch on it costs nothing."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(ir.IntType(1), int(signature.args[0].dtype == types.uint32))

    return types.boolean(array), generate


@intrinsic
def multiply_add(typing_context: Any, weight: Any, a: Any, b: Any) -> Any:
    """Compute weight * a + b; where weight and lanes are pairs, of both halves: the sum of both and b.

    weight: an element of an array of float32, bfloat16 (uint16) or pairs (uint32).
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        weight, a, b = arguments
        if signature.args[0] == types.uint16:
            weight = builder.shl(builder.zext(weight, _INT32), ir.Constant(_INT32, 16))
        if signature.args[0] != types.float32:
            weight = builder.bitcast(weight, ir.FloatType())
        undefined = ir.Constant(FLOATS, ir.Undefined)
        first = builder.insert_element(undefined, weight, ir.Constant(_INT32, 0))
        vector = builder.shuffle_vector(first, undefined, integers(0))
        if signature.args[0] != types.uint32:
            kind = ir.FunctionType(FLOATS, [FLOATS] * 3)
            function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
            return builder.call(function, [vector, a, b])
        pairs = [builder.bitcast(value, _BFLOATS) for value in (vector, a)]
        return _instruction(builder, "bf16.dpbf16ps.512", FLOATS, [b, *pairs])

    return VECTOR(weight, VECTOR, VECTOR), generate


@intrinsic
def store_interleaved(typing_context: Any, low: Any, high: Any, array: Any, index: Any) -> Any:
    """Round two channels of a planar map to LANES pairs, written along the last axis from an index on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        joined = _instruction(builder, "bf16.cvtne2ps2bf16.512", _BFLOATS, [arguments[1], arguments[0]])
        order = [k // 2 + LANES * (k % 2) for k in range(2 * LANES)]
        mask = ir.Constant(ir.VectorType(_INT32, 2 * LANES), order)
        halves = builder.bitcast(joined, _SHORTS)
        pairs = builder.shuffle_vector(halves, ir.Constant(_SHORTS, ir.Undefined), mask)
        pointer, _ = vector_pointer(context, builder, signature.args[2:], arguments[2:])
        pointer = builder.bitcast(pointer, FLOATS.as_pointer())
        builder.store(builder.bitcast(pairs, FLOATS), pointer, align=4)
        return context.get_dummy_value()

    return types.void(VECTOR, VECTOR, array, index), generate


@intrinsic
def store_joined(typing_context: Any, value: Any, array: Any, index: Any) -> Any:
    """Round LANES columns of a table to half as many pairs, written along the last axis from an index on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pairs = _instruction(builder, "bf16.cvtneps2bf16.512", _HALF_BFLOATS, [arguments[0]])
        pointer, _ = vector_pointer(context, builder, signature.args[1:], arguments[1:])
        target = ir.VectorType(_INT32, HALF_LANES)
        builder.store(builder.bitcast(pairs, target), builder.bitcast(pointer, target.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(VECTOR, array, index), generate


@intrinsic
def half_of(typing_context: Any, pair: Any, channel: Any) -> Any:
    """Read the bfloat16 of an even or odd channel off a pair."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        is_odd = builder.trunc(arguments[1], ir.IntType(1))
        upper = builder.and_(arguments[0], ir.Constant(_INT32, 0xFFFF0000))
        lower = builder.shl(arguments[0], ir.Constant(_INT32, 16))
        return builder.bitcast(builder.select(is_odd, upper, lower), ir.FloatType())

    return types.float32(types.uint32, types.int64), generate


@intrinsic
def paired(typing_context: Any, low: Any, high: Any) -> Any:
    """Round two float32, finite, to a pair."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        halves = []
        for value in arguments:
            bits = builder.bitcast(value, _INT32)
            is_odd = builder.and_(builder.lshr(bits, ir.Constant(_INT32, 16)), ir.Constant(_INT32, 1))
            halves.append(builder.add(builder.add(bits, ir.Constant(_INT32, 0x7FFF)), is_odd))
        upper = builder.and_(halves[1], ir.Constant(_INT32, 0xFFFF0000))
        return builder.or_(builder.lshr(halves[0], ir.Constant(_INT32, 16)), upper)

    return types.uint32(types.float32, types.float32), generate


@intrinsic
def fraction(typing_context: Any, a: Any) -> Any:
    """Compute a - floor(a)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = [arguments[0], _FLOOR, arguments[0], _ALL, _AS_ROUNDED_NOW]
        return _instruction(builder, "mask.reduce.ps.512", FLOATS, values)

    return VECTOR(VECTOR), generate


@intrinsic
def scale_by_power(typing_context: Any, a: Any, exponent: Any) -> Any:
    """Compute a * 2**floor(exponent)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = [*arguments, arguments[0], _ALL, _AS_ROUNDED_NOW]
        return _instruction(builder, "mask.scalef.ps.512", FLOATS, values)

    return VECTOR(VECTOR, VECTOR), generate


@intrinsic
def transpose_pairs(typing_context: Any, source: Any, index: Any, target: Any, target_index: Any) -> Any:
    """Copy HALF_LANES x LANES pairs with their last two axes swapped, each from an index on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        ends = []
        for kinds, values in ((signature.args[:2], arguments[:2]), (signature.args[2:], arguments[2:])):
            first, _ = vector_pointer(context, builder, kinds, values)
            array = context.make_array(kinds[0])(context, builder, values[0])
            ends.append((first, cgutils.unpack_tuple(builder, array.strides)[-2]))
        rows = [
            builder.load(_row(builder, *ends[0], row), align=4)
            if row < HALF_LANES
            else ir.Constant(FLOATS, ir.Undefined)
            for row in range(LANES)
        ]
        step = 1
        while step < LANES:  # as ``simd_lanes.transpose``, whose lower rows stay empty here
            low = ir.Constant(INTEGERS, [k if not k & step else k - step + LANES for k in range(LANES)])
            high = ir.Constant(INTEGERS, [k + step if not k & step else k + LANES for k in range(LANES)])
            for row in (row for row in range(LANES) if not row & step):
                both = rows[row], rows[row + step]
                rows[row] = builder.shuffle_vector(*both, low)
                rows[row + step] = builder.shuffle_vector(*both, high)
            step *= 2
        half = ir.Constant(ir.VectorType(_INT32, HALF_LANES), list(range(HALF_LANES)))
        for row, value in enumerate(rows):
            pointer = _row(builder, *ends[1], row)
            lower = builder.shuffle_vector(value, value, half)
            builder.store(lower, builder.bitcast(pointer, lower.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(source, index, target, target_index), generate


def _row(builder: Any, first: Any, stride: Any, row: int) -> Any:
    return cgutils.pointer_add(builder, first, builder.mul(stride, ir.Constant(stride.type, row)))


def _instruction(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """Emit an instruction of AVX-512; where there is none, code that never runs gets any value."""
    if not HAS_PAIRS:
        return ir.Constant(result, ir.Undefined)
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    prefix = "llvm.x86.avx512" if name.startswith("bf16") else "llvm.x86.avx512."
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, prefix + name), arguments)
