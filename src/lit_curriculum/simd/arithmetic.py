"""What is computed from vectors, lane by lane."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from lit_curriculum.simd.vector import Vector, splat


@intrinsic
def zeros(typing_context: Any, array: Any) -> Any:
    """``zeros(array)``: a vector of zeros of the array's element type."""
    vector = Vector(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(vector), None)

    return vector(array), generate


@intrinsic
def fill(typing_context: Any, array: Any, value: Any) -> Any:
    """``fill(array, value)``: a number in every lane, of the array's element type."""
    vector = Vector(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.cast(builder, arguments[1], types.float64, vector.element)
        return splat(builder, context.get_value_type(vector), number)

    return vector(array, types.float64), generate


@intrinsic
def lanes(typing_context: Any, array: Any) -> Any:
    """``lanes(array)``: lanes of a vector of the array's elements, known to the compiler."""
    count = Vector(array.dtype).count

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_constant(types.intp, count)

    return types.intp(array), generate


def _llvm(context: Any, builder: Any, name: str, vector: Any, arguments: Any) -> Any:
    """Call one of LLVM's own functions, of vectors of one kind."""
    kind = context.get_value_type(vector)
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(kind, [kind] * len(arguments)),
        f"llvm.{name}.v{vector.count}f{vector.element.bitwidth}",
    )
    return builder.call(function, arguments)


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``fma(a, b, c)``: a * b + c a lane, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _llvm(context, builder, "fma", a, arguments)

    return a(a, a, a), generate


def _built(operation: str) -> Any:
    """Return the code of an operation that LLVM has for vectors as for numbers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, operation)(*arguments)

    return generate


@intrinsic
def add(typing_context: Any, a: Any, b: Any) -> Any:
    """``add(a, b)``: a + b, lane by lane."""
    return a(a, a), _built("fadd")


@intrinsic
def subtract(typing_context: Any, a: Any, b: Any) -> Any:
    """``subtract(a, b)``: a - b, lane by lane."""
    return a(a, a), _built("fsub")


@intrinsic
def multiply(typing_context: Any, a: Any, b: Any) -> Any:
    """``multiply(a, b)``: a * b, lane by lane."""
    return a(a, a), _built("fmul")


@intrinsic
def divide(typing_context: Any, a: Any, b: Any) -> Any:
    """``divide(a, b)``: a / b, lane by lane."""
    return a(a, a), _built("fdiv")


@intrinsic
def maximum(typing_context: Any, a: Any, b: Any) -> Any:
    """``maximum(a, b)``: the larger one a lane; b where either is NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, second = arguments
        return builder.select(builder.fcmp_ordered(">", first, second), first, second)

    return a(a, a), generate


@intrinsic
def magnitude(typing_context: Any, x: Any) -> Any:
    """``magnitude(x)``: |x|, lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _llvm(context, builder, "fabs", x, arguments)

    return x(x), generate


@intrinsic
def where_positive(typing_context: Any, x: Any, a: Any, b: Any) -> Any:
    """``where_positive(x, a, b)``: a in lanes where x > 0, else b - also where x is NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zero = ir.Constant(context.get_value_type(x), None)
        return builder.select(builder.fcmp_ordered(">", arguments[0], zero), arguments[1], arguments[2])

    return x(x, x, x), generate


@intrinsic
def exp(typing_context: Any, x: Any) -> Any:
    """``exp(x)``: e^x a lane, x up to 80; in float32 to a few units in the last place, and 0 below -87."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if x.element is types.float64:
            return _llvm(context, builder, "exp", x, arguments)
        return _exp_single(context, builder, x, arguments[0])

    return x(x), generate


def _exp_single(context: Any, builder: Any, vector: Any, x: Any) -> Any:
    """Write e^x of float32: x = n ln 2 + r, |r| <= ln 2 / 2, and e^r by its series to r^7 / 7! (6e-9 off)."""
    kind, integers = context.get_value_type(vector), ir.VectorType(ir.IntType(32), vector.count)

    def whole(value: int) -> Any:
        return ir.Constant(integers, [value] * vector.count)

    def single(value: float) -> Any:
        return ir.Constant(kind, [float(np.float32(value))] * vector.count)

    def times_plus(*arguments: Any) -> Any:
        return _llvm(context, builder, "fma", vector, arguments)

    # 2^n would be no ordinary float32, and products with it slow.
    below = builder.fcmp_ordered("<", x, single(-87))
    x = builder.select(below, single(-87), x)
    # A float32 near 1.5 * 2^23 has no room for a fraction: the sum is rounded to n, which its last bits hold.
    magic = single(1.5 * 2**23)
    rounded = times_plus(x, single(1.4426950408889634), magic)
    n = builder.fsub(rounded, magic)
    # ln 2 in two parts, the first of few digits: its product with n is exact.
    r = times_plus(n, single(2.12194440e-4), times_plus(n, single(-0.693359375), x))
    series = single(1 / 5040)
    for factorial in (720, 120, 24, 6, 2, 1, 1):
        series = times_plus(series, r, single(1 / factorial))
    exponent = builder.shl(builder.add(builder.bitcast(rounded, integers), whole(127)), whole(23))
    return builder.select(below, single(0), builder.fmul(series, builder.bitcast(exponent, kind)))


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
