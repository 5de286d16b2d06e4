"""Flags between the threads of the blocked kernel: int64 numbers that are set and seen in an order.

They are atomic operations of LLVM for arrays in numba functions; no operation checks bounds.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from lit_curriculum.simd import address


@intrinsic
def publish(typing_context: Any, flags: Any, index: Any, value: Any) -> Any:
    """``publish(flags, index, value)``: set an int64 flag after every write before it is visible."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = address(context, builder, flags, arguments, ir.IntType(64))
        builder.store_atomic(arguments[2], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(flags, types.intp, types.int64), generate


@intrinsic
def observe(typing_context: Any, flags: Any, index: Any) -> Any:
    """``observe(flags, index)``: read an int64 flag; what was written before it was set is visible after."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = address(context, builder, flags, arguments, ir.IntType(64))
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(flags, types.intp), generate


@intrinsic
def claim(typing_context: Any, flags: Any, index: Any, old: Any, new: Any) -> Any:
    """``claim(flags, index, old, new)``: set an int64 flag to new if it is old; return whether it was."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = address(context, builder, flags, arguments, ir.IntType(64))
        result = builder.cmpxchg(pointer, arguments[2], arguments[3], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(flags, types.intp, types.int64, types.int64), generate
