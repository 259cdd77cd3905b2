"""Operations of ``simd`` that move values from lane to lane."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from vo_frontend.compute.simd import (
    FLOATS,
    INTEGERS,
    LANES,
    VECTOR,
    element_pointer,
    read_vector,
    vector_pointer,
    write_vector,
)

PERMUTE = {16: "llvm.x86.avx512.permvar.sf.512", 8: "llvm.x86.avx2.permps"}  # by LANES


@intrinsic
def transpose(typing_context: Any, source: Any, index: Any, target: Any, target_index: Any) -> Any:
    """Copy LANES x LANES elements with their last two axes swapped, each from an index on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        ends = []
        for kinds, values in ((signature.args[:2], arguments[:2]), (signature.args[2:], arguments[2:])):
            first, is_float32 = vector_pointer(context, builder, kinds, values)
            array = context.make_array(kinds[0])(context, builder, values[0])
            step = cgutils.unpack_tuple(builder, array.strides)[-2]
            ends.append(
                [
                    (cgutils.pointer_add(builder, first, _times(builder, step, row)), is_float32)
                    for row in range(LANES)
                ]
            )
        rows = [read_vector(builder, *place) for place in ends[0]]
        step = 1
        while step < LANES:  # swap the halves of larger and larger squares
            low = ir.Constant(INTEGERS, [k if not k & step else k - step + LANES for k in range(LANES)])
            high = ir.Constant(INTEGERS, [k + step if not k & step else k + LANES for k in range(LANES)])
            for row in (row for row in range(LANES) if not row & step):
                pair = rows[row], rows[row + step]
                rows[row] = builder.shuffle_vector(*pair, low)
                rows[row + step] = builder.shuffle_vector(*pair, high)
            step *= 2
        for value, place in zip(rows, ends[1], strict=True):
            write_vector(builder, value, *place)
        return context.get_dummy_value()

    return types.void(source, index, target, target_index), generate


@intrinsic
def pick(typing_context: Any, a: Any, lanes: Any, index: Any) -> Any:
    """Choose for every lane one of a's: those that int32 array ``lanes`` lists from ``index`` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = element_pointer(context, builder, signature.args[1:], arguments[1:])
        chosen = builder.load(builder.bitcast(element, INTEGERS.as_pointer()), align=4)
        if LANES in PERMUTE:  # one instruction, which LLVM does not find by itself
            kind = ir.FunctionType(FLOATS, [FLOATS, INTEGERS])
            function = cgutils.get_or_insert_function(builder.module, kind, PERMUTE[LANES])
            return builder.call(function, [arguments[0], chosen])
        value = ir.Constant(FLOATS, ir.Undefined)
        for number in range(LANES):
            lane = ir.Constant(ir.IntType(32), number)
            one = builder.extract_element(arguments[0], builder.extract_element(chosen, lane))
            value = builder.insert_element(value, one, lane)
        return value

    return VECTOR(VECTOR, lanes, index), generate


@intrinsic
def total(typing_context: Any, a: Any) -> Any:
    """Sum the lanes to a float32, as pairs of halves."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, width = arguments[0], LANES
        while width > 1:
            width //= 2
            halves = [
                builder.shuffle_vector(
                    value, value, ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(s, s + width)))
                )
                for s in (0, width)
            ]
            value = builder.fadd(*halves)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return types.float32(VECTOR), generate


def _times(builder: Any, value: Any, factor: int) -> Any:
    return builder.mul(value, ir.Constant(value.type, factor))
