"""Attention among the tokens of each string, the strings laid end to end: nothing is padded, nothing masked.

Heads have 8 dimensions, as all models on grammars. A string's keys and values are laid out by dimension,
so that the compiler can work on as many keys at a time as a SIMD register holds; the weights are computed
again in the backward pass and never written down (Dao et al., 2022, section 3.1). How it compares with
torch's own is in ``docs/performance.md``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

HEAD_SIZE = 8
"""Dimensions of a head that the kernels are written for."""

HIDDEN = -1e30
"""Added to the score of a token that may not be attended to."""

# Neither infinities nor signed zeros are given up: a diverging run must be seen to diverge.
_FAST = {"reassoc", "contract", "arcp", "nnan", "nsz"}
_OPTIONS = {"cache": True, "nogil": True, "fastmath": _FAST, "error_model": "numpy"}


class RaggedAttention(torch.autograd.Function):
    """softmax(q k' / sqrt(8)) v, string by string and head by head; float32 or float64, on the processor.

    ``apply(query, pair, queries, keys, bias, heads)``:

    - query (M, heads * 8): of the tokens that ask, string after string;
    - pair (N, 2 * heads * 8): keys, then values, of all tokens, string after string;
    - queries, keys int64 (n + 1,): where each string's rows begin in ``query`` and ``pair``, and the end;
    - bias (N,): 0, or `HIDDEN` for a token that may not be attended to; empty if there is none;
    - the answer is (M, heads * 8).
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        pair: torch.Tensor,
        queries: npt.NDArray[np.int64],
        keys: npt.NDArray[np.int64],
        bias: npt.NDArray[Any],
        heads: int,
    ) -> torch.Tensor:
        """Return the answers; see the class."""
        answer = torch.empty_like(query, memory_format=torch.contiguous_format)
        total = query.new_empty(len(query), heads)
        ctx.places = (queries, keys, bias)
        ctx.save_for_backward(query, pair, answer, total)
        _attend(_array(query), _array(pair), *ctx.places, answer.numpy(), total.numpy())
        return answer

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of queries and of keys with values, given those of the answers."""
        query, pair, answer, total = ctx.saved_tensors
        by_query = torch.empty_like(query, memory_format=torch.contiguous_format)
        by_pair = torch.empty_like(pair, memory_format=torch.contiguous_format)
        known = (_array(outer), _array(answer), _array(total), _array(query), _array(pair))
        _attend_backward(*known, *ctx.places, by_query.numpy(), by_pair.numpy())
        return by_query, by_pair, None, None, None, None


def _array(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """Return a tensor's rows one after the other, so that one compiled version of a kernel is enough."""
    found: npt.NDArray[Any] = tensor.detach().contiguous().numpy()
    return found


@intrinsic
def _whole(typing_context: Any, x: Any) -> Any:
    """``_whole(x)``: x without its fraction; far below 2^31."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = builder.fptosi(arguments[0], ir.IntType(32))
        return builder.sitofp(number, context.get_value_type(x))

    return x(x), generate


@intrinsic
def _two_to(typing_context: Any, n: Any) -> Any:
    """``_two_to(n)``: 2^n of a whole float32 from -126 to 127, by writing its exponent."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(32)
        exponent = builder.add(builder.fptosi(arguments[0], integer), ir.Constant(integer, 127))
        bits = builder.shl(exponent, ir.Constant(integer, 23))
        return builder.bitcast(bits, context.get_value_type(n))

    return n(n), generate


def _exp(x: Any) -> Any:
    """Return e^x for x up to 80; numba compiles one of the two functions below in its place."""
    raise NotImplementedError


@overload(_exp, jit_options={"fastmath": _FAST})
def _exp_of(x: Any) -> Any:
    return _exp_single if x == types.float32 else _exp_double


def _exp_double(x: Any) -> Any:  # pragma: no cover - compiled
    return math.exp(x)


def _exp_single(x: Any) -> Any:  # pragma: no cover - compiled
    """Return e^x in float32 to a few units in the last place, by operations that a SIMD register has.

    x = n ln 2 + r with |r| <= ln 2 / 2, and e^r by its series to r^7 / 7!, which leaves 6e-9.
    """
    one = np.float32(1)
    x = max(x, np.float32(-87.0))  # below, 2^n is no ordinary float32
    n = _whole(x * np.float32(1.4426950408889634) - np.float32(0.5))
    # ln 2 in two parts, the first of few digits: their products with n are exact or tiny.
    r = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    series = one / np.float32(5040)
    for k in (720, 120, 24, 6, 2, 1, 1):
        series = series * r + one / np.float32(k)
    return series * _two_to(n)


@njit(**_OPTIONS)
def _attend(
    query: Any, pair: Any, queries: Any, keys: Any, bias: Any, answer: Any, total: Any
) -> None:  # pragma: no cover - compiled
    """Fill answer (M, heads * 8), and total (M, heads) with the logarithms of the softmax's denominators."""
    one = np.ones(1, query.dtype)[0]
    zero, width, most = one - one, query.shape[1], np.diff(keys).max()
    scale = one / np.sqrt(8 * one)
    key, value = np.empty((8, most), query.dtype), np.empty((8, most), query.dtype)
    p = np.empty(most, query.dtype)
    for s in range(len(keys) - 1):
        first, length = keys[s], keys[s + 1] - keys[s]
        for head in range(width // 8):
            at = 8 * head
            for j in range(length):
                for c in range(8):
                    key[c, j], value[c, j] = pair[first + j, at + c], pair[first + j, width + at + c]
            for i in range(queries[s], queries[s + 1]):
                for j in range(length):
                    p[j] = bias[first + j] if len(bias) else zero
                _add_product(query, i, at, scale, key, p, length)
                largest = p[0]
                for j in range(length):
                    largest = max(largest, p[j])
                weight = zero
                for j in range(length):
                    e = _exp(p[j] - largest)
                    p[j] = e
                    weight += e
                total[i, head] = largest + np.log(weight)
                _weigh(p, value, one / weight, answer, i, at, length)


@njit(**_OPTIONS)
def _attend_backward(
    outer: Any,
    answer: Any,
    total: Any,
    query: Any,
    pair: Any,
    queries: Any,
    keys: Any,
    bias: Any,
    by_query: Any,
    by_pair: Any,
) -> None:  # pragma: no cover - compiled
    """Fill the gradients by query (M, heads * 8) and pair (N, 2 * heads * 8) from the answer's, outer."""
    one = np.ones(1, query.dtype)[0]
    zero, width, most = one - one, query.shape[1], np.diff(keys).max()
    scale = one / np.sqrt(8 * one)
    key, value = np.empty((8, most), query.dtype), np.empty((8, most), query.dtype)
    by_key, by_value = np.empty((8, most), query.dtype), np.empty((8, most), query.dtype)
    p, by_score = np.empty(most, query.dtype), np.empty(most, query.dtype)
    for s in range(len(keys) - 1):
        first, length = keys[s], keys[s + 1] - keys[s]
        for head in range(width // 8):
            at = 8 * head
            for j in range(length):
                for c in range(8):
                    key[c, j], value[c, j] = pair[first + j, at + c], pair[first + j, width + at + c]
                    by_key[c, j] = by_value[c, j] = zero
            for i in range(queries[s], queries[s + 1]):
                along = zero
                for c in range(at, at + 8):
                    along += outer[i, c] * answer[i, c]
                for j in range(length):
                    p[j] = (bias[first + j] if len(bias) else zero) - total[i, head]
                    by_score[j] = -along
                _add_product(query, i, at, scale, key, p, length)
                _add_product(outer, i, at, one, value, by_score, length)
                for j in range(length):
                    e = _exp(p[j])
                    p[j] = e
                    by_score[j] *= e * scale
                _weigh(by_score, key, one, by_query, i, at, length)
                _add_outer(by_score, query, i, at, by_key, length)
                _add_outer(p, outer, i, at, by_value, length)
            for j in range(length):
                for c in range(8):
                    by_pair[first + j, at + c] = by_key[c, j]
                    by_pair[first + j, width + at + c] = by_value[c, j]


@njit(**_OPTIONS)
def _add_product(
    rows: Any, i: Any, at: Any, scale: Any, columns: Any, into: Any, length: Any
) -> None:  # pragma: no cover - compiled
    """Add to ``into`` (length,) the products of 8 numbers of a row with the columns (8, length)."""
    a, b, c, d = rows[i, at], rows[i, at + 1], rows[i, at + 2], rows[i, at + 3]
    e, f, g, h = rows[i, at + 4], rows[i, at + 5], rows[i, at + 6], rows[i, at + 7]
    a, b, c, d = scale * a, scale * b, scale * c, scale * d
    e, f, g, h = scale * e, scale * f, scale * g, scale * h
    for j in range(length):
        low = a * columns[0, j] + b * columns[1, j] + c * columns[2, j] + d * columns[3, j]
        into[j] += low + e * columns[4, j] + f * columns[5, j] + g * columns[6, j] + h * columns[7, j]


@njit(**_OPTIONS)
def _weigh(
    weights: Any, columns: Any, scale: Any, into: Any, i: Any, at: Any, length: Any
) -> None:  # pragma: no cover - compiled
    """Write into 8 numbers of row i the columns (8, length) times their weights (length,), scaled."""
    for half in range(0, 8, 4):
        a = b = c = d = scale - scale
        for j in range(length):
            a += weights[j] * columns[half, j]
            b += weights[j] * columns[half + 1, j]
            c += weights[j] * columns[half + 2, j]
            d += weights[j] * columns[half + 3, j]
        place = at + half
        into[i, place], into[i, place + 1] = a * scale, b * scale
        into[i, place + 2], into[i, place + 3] = c * scale, d * scale


@njit(**_OPTIONS)
def _add_outer(
    weights: Any, rows: Any, i: Any, at: Any, into: Any, length: Any
) -> None:  # pragma: no cover - compiled
    """Add to ``into`` (8, length) the outer product of 8 numbers of a row and the weights (length,)."""
    for half in range(0, 8, 4):
        place = at + half
        a, b, c, d = rows[i, place], rows[i, place + 1], rows[i, place + 2], rows[i, place + 3]
        for j in range(length):
            into[half, j] += weights[j] * a
            into[half + 1, j] += weights[j] * b
            into[half + 2, j] += weights[j] * c
            into[half + 3, j] += weights[j] * d
