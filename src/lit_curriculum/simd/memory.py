"""What vectors are read from and written to: places in flat arrays, counted in elements, never checked."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from lit_curriculum.simd.vector import Vector, address, splat


def _check(array: Any) -> None:
    """Take arrays whose elements lie one behind another: places are counted in elements."""
    if array.layout != "C":
        raise TypingError(f"{array} is no C-contiguous array")


def _loading(array: Any, count: int | None = None) -> Any:
    """Return signature and code of a load of consecutive elements."""
    _check(array)
    vector = Vector(array.dtype, count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = context.get_value_type(vector)
        pointer = address(context, builder, array, arguments, target)
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return vector(array, types.intp), generate


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """``load(array, index)``: the vector of consecutive elements that starts at ``array[index]``."""
    return _loading(array)


@intrinsic
def load_eight(typing_context: Any, array: Any, index: Any) -> Any:
    """``load_eight(array, index)``: eight elements from ``array[index]`` on, whatever `lanes` is."""
    return _loading(array, 8)


@intrinsic
def store(typing_context: Any, array: Any, index: Any, vector: Any) -> Any:
    """``store(array, index, vector)``: write the vector's numbers to ``array`` from ``index`` on."""
    _check(array)
    if not array.mutable or array.dtype != vector.element:
        raise TypingError(f"{vector} can not be written to {array}")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = context.get_value_type(vector)
        pointer = address(context, builder, array, arguments, target)
        builder.store(arguments[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _broadcasting(array: Any, count: int | None = None) -> Any:
    """Return signature and code of one element in every lane."""
    _check(array)
    vector = Vector(array.dtype, count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = context.get_value_type(vector)
        pointer = address(context, builder, array, arguments, target.element)
        return splat(builder, target, builder.load(pointer))

    return vector(array, types.intp), generate


@intrinsic
def broadcast(typing_context: Any, array: Any, index: Any) -> Any:
    """``broadcast(array, index)``: the vector that holds ``array[index]`` in every lane."""
    return _broadcasting(array)


@intrinsic
def broadcast_eight(typing_context: Any, array: Any, index: Any) -> Any:
    """``broadcast_eight(array, index)``: ``array[index]`` in each of eight lanes, whatever `lanes` is."""
    return _broadcasting(array, 8)


@intrinsic
def eight_bytes(typing_context: Any, array: Any, index: Any) -> Any:
    """``eight_bytes(array, index)``: eight elements of an array of uint8 as one number, the first lowest."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = address(context, builder, array, arguments, ir.IntType(64))
        return builder.load(pointer, align=1)

    return types.uint64(array, types.intp), generate


@intrinsic
def byte_of(typing_context: Any, word: Any, place: Any) -> Any:
    """``byte_of(word, place)``: one of `eight_bytes` as an index."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        shifted = builder.lshr(arguments[0], builder.mul(arguments[1], ir.Constant(ir.IntType(64), 8)))
        return builder.and_(shifted, ir.Constant(ir.IntType(64), 255))

    return types.intp(types.uint64, types.intp), generate


@intrinsic
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """``prefetch(array, index)``: ask for the cache line of ``array[index]``, soon written."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte] + [number] * 3), "llvm.prefetch.p0"
        )
        pointer = address(context, builder, array, arguments, ir.IntType(8))
        builder.call(function, [pointer, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
