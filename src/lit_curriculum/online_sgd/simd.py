"""SIMD vectors inside numba functions: the few operations that the blocked kernel is written in.

Numba leaves vectorising to the compiler, which cannot keep a tile of sums in registers across a loop. Here a
compiled function gets one more type, a vector of `lanes` numbers that LLVM keeps in one SIMD register (or
several narrower ones), and says itself what is loaded, multiplied and stored. No operation checks bounds.

Numba's cache looks at the file of the compiled function only: after a change here, touch the files that
import it.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model


def _vector_bytes() -> int:
    """Width of a register: 64 bytes where the processor has AVX-512, otherwise 32."""
    return 64 if llvm.get_host_cpu_features().get("avx512f", False) else 32


VECTOR_BYTES = _vector_bytes()


def lane_count(dtype: np.dtype[Any] | type) -> int:
    """Return how many numbers of ``dtype`` one vector holds."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


class Vector(types.Type):  # type: ignore[misc]
    """Numba's type of a vector of float32 or float64."""

    def __init__(self, element: Any) -> None:
        self.element = element
        self.count = VECTOR_BYTES // (element.bitwidth // 8)
        super().__init__(name=f"Vector({element}, {self.count})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: Any) -> None:
        element = manager.lookup(vector.element).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.count))


def _pointer(context: Any, builder: Any, array_type: Any, arguments: Any, target: Any) -> Any:
    """Return the address of ``array[index]``, the first two arguments, as a pointer to ``target``."""
    data = context.make_array(array_type)(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), target.as_pointer())


def _splat(builder: Any, vector_type: Any, scalar: Any) -> Any:
    """Return a vector with ``scalar`` in every lane."""
    undefined = ir.Constant(vector_type, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector_type.count), None)
    return builder.shuffle_vector(first, undefined, mask)


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """``load(array, index)``: the vector of consecutive elements that starts at ``array[index]``."""
    vector = Vector(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = context.get_value_type(vector)
        pointer = _pointer(context, builder, array, arguments, target)
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return vector(array, types.intp), generate


@intrinsic
def store(typing_context: Any, array: Any, index: Any, vector: Any) -> Any:
    """``store(array, index, vector)``: write the lanes to ``array[index : index + lanes]``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = context.get_value_type(vector)
        pointer = _pointer(context, builder, array, arguments, target)
        builder.store(arguments[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic
def broadcast(typing_context: Any, array: Any, index: Any) -> Any:
    """``broadcast(array, index)``: the vector that holds ``array[index]`` in every lane."""
    vector = Vector(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = context.get_value_type(vector)
        pointer = _pointer(context, builder, array, arguments, target.element)
        return _splat(builder, target, builder.load(pointer))

    return vector(array, types.intp), generate


@intrinsic
def zeros(typing_context: Any, array: Any) -> Any:
    """``zeros(array)``: a vector of zeros of the array's element type."""
    vector = Vector(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(vector), None)

    return vector(array), generate


@intrinsic
def lanes(typing_context: Any, array: Any) -> Any:
    """``lanes(array)``: lanes of a vector of the array's elements, known to the compiler."""
    count = Vector(array.dtype).count

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_constant(types.intp, count)

    return types.intp(array), generate


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``fma(a, b, c)``: a * b + c a lane, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = context.get_value_type(a)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(kind, [kind] * 3),
            f"llvm.fma.v{a.count}f{a.element.bitwidth}",
        )
        return builder.call(function, arguments)

    return a(a, a, a), generate


@intrinsic
def add(typing_context: Any, a: Any, b: Any) -> Any:
    """``add(a, b)``: a + b, lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments)

    return a(a, a), generate


@intrinsic
def subtract(typing_context: Any, a: Any, b: Any) -> Any:
    """``subtract(a, b)``: a - b, lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fsub(*arguments)

    return a(a, a), generate


@intrinsic
def eight_bytes(typing_context: Any, array: Any, index: Any) -> Any:
    """``eight_bytes(array, index)``: eight elements of an array of uint8 as one number, the first lowest."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, array, arguments, ir.IntType(64))
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
        pointer = _pointer(context, builder, array, arguments, ir.IntType(8))
        builder.call(function, [pointer, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@intrinsic
def where_active(typing_context: Any, pre: Any, value: Any) -> Any:
    """``where_active(pre, value)``: value where pre > 0, else 0 - and value, too, where pre is NaN.

    A ReLU that let NaN pass for an inactive unit would hide broken weights; torch's does not either.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zero = ir.Constant(context.get_value_type(pre), None)
        active = builder.fcmp_unordered(">", arguments[0], zero)
        return builder.select(active, arguments[1], zero)

    return pre(pre, pre), generate


@intrinsic
def lane_sum(typing_context: Any, vector: Any) -> Any:
    """``lane_sum(vector)``: the sum of the lanes, halves added pairwise, in an order that never changes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total, count = arguments[0], vector.count
        undefined = ir.Constant(total.type, ir.Undefined)
        while count > 1:
            count //= 2
            order = [(i + count) % vector.count for i in range(vector.count)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), order)
            total = builder.fadd(total, builder.shuffle_vector(total, undefined, mask))
        return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return vector.element(vector), generate


@intrinsic
def publish(typing_context: Any, flags: Any, index: Any, value: Any) -> Any:
    """``publish(flags, index, value)``: set an int64 flag after every write before it is visible."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, flags, arguments, ir.IntType(64))
        builder.store_atomic(arguments[2], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(flags, types.intp, types.int64), generate


@intrinsic
def observe(typing_context: Any, flags: Any, index: Any) -> Any:
    """``observe(flags, index)``: read an int64 flag; what was written before it was set is visible after."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, flags, arguments, ir.IntType(64))
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(flags, types.intp), generate


@intrinsic
def claim(typing_context: Any, flags: Any, index: Any, old: Any, new: Any) -> Any:
    """``claim(flags, index, old, new)``: set an int64 flag to new if it is old; return whether it was."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, flags, arguments, ir.IntType(64))
        result = builder.cmpxchg(pointer, arguments[2], arguments[3], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(flags, types.intp, types.int64, types.int64), generate
