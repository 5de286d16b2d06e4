"""The compiled inner part of attention: some queries of one head against all tokens of their string.

A vector holds one number each of as many queries as a register has lanes (`simd.lanes`), so a sum over keys
or over a head's eight dimensions is a chain of vector operations, whatever the string's length; nothing is
added up across a vector, and no sum's order depends on how many lanes there are. Only the gradients by keys
and values are sums over queries: there a vector holds the eight dimensions.

A `Block` is up to `simd.lanes` consecutive queries of a string; unused lanes hold numbers that nobody reads.
Arrays are flat, and places in them are counted in elements.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import njit

from lit_curriculum.simd import (
    add,
    broadcast,
    broadcast_eight,
    divide,
    exp,
    fma,
    lanes,
    load,
    load_eight,
    load_tile,
    maximum,
    multiply,
    store,
    store_tile,
    subtract,
    zeros,
)

HEAD_SIZE = 8
"""Dimensions of a head."""

WORK = 3 * HEAD_SIZE
"""Vectors that a block's scratch space takes: queries, and backward the answers' gradients and answers."""


class Arrays(NamedTuple):
    """What the blocks of a batch have in common, all of one dtype.

    Attributes:
        query: (M, heads * 8).
        pair: keys, then values (N, 2 * heads * 8).
        bias: added to the scores of each key (N,); empty if there is none.
        scale: of the scores, and 1.
        answer: (M, heads * 8).
        norms: for each head the largest score of each query, then the sum of e^(score - largest),
            (heads, 2, at least M + lanes).
        work: scratch space of `WORK` vectors.
        scores: scratch space of two vectors for each token of the longest string.
    """

    query: Any
    pair: Any
    bias: Any
    scale: Any
    answer: Any
    norms: Any
    work: Any
    scores: Any


class Gradients(NamedTuple):
    """What the backward pass adds.

    Attributes:
        outer: gradient by the answers, (M, heads * 8).
        by_query: (M, heads * 8), written.
        by_pair: (N, 2 * heads * 8), added to.
    """

    outer: Any
    by_query: Any
    by_pair: Any


class Block(NamedTuple):
    """Where a block's numbers are.

    Attributes:
        many: queries.
        at: of the first one in `Arrays.query` and what has its shape.
        row: from one query to the next; keys and values are twice as far apart.
        key, value: of the string's first token in `Arrays.pair`.
        token: of the string's first in `Arrays.bias`.
        length: tokens of the string.
        largest, total: of the first query in `Arrays.norms`.
    """

    many: int
    at: int
    row: int
    key: int
    value: int
    token: int
    length: int
    largest: int
    total: int


COMPILED: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}


@njit(**COMPILED)
def _columns(
    rows: Any, first: int, row: int, many: int, scale: Any, work: Any, at: int
) -> None:  # pragma: no cover - compiled
    """Write eight dimensions of ``many`` rows, from ``first`` on, as eight vectors into ``work``, scaled."""
    w = lanes(work)
    for c in range(HEAD_SIZE):
        store(work, at + c * w, zeros(work))
    for i in range(many):
        for c in range(HEAD_SIZE):
            work[at + c * w + i] = scale * rows[first + i * row + c]


@njit(**COMPILED)
def _rows(
    work: Any, at: int, many: int, rows: Any, first: int, row: int
) -> None:  # pragma: no cover - compiled
    """Write eight vectors as eight dimensions of ``many`` rows: `_columns` backwards."""
    w = lanes(work)
    for i in range(many):
        for c in range(HEAD_SIZE):
            rows[first + i * row + c] = work[at + c * w + i]


@njit(**COMPILED, forceinline=True)
def _product(
    start: Any, x0: Any, x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any, array: Any, at: int
) -> Any:  # pragma: no cover - compiled
    """Return start + sum_c x_c array[at + c], in two chains, so that they overlap."""
    low = fma(x0, broadcast(array, at), start)
    high = multiply(x4, broadcast(array, at + 4))
    low = fma(x1, broadcast(array, at + 1), low)
    high = fma(x5, broadcast(array, at + 5), high)
    low = fma(x2, broadcast(array, at + 2), low)
    high = fma(x6, broadcast(array, at + 6), high)
    low = fma(x3, broadcast(array, at + 3), low)
    high = fma(x7, broadcast(array, at + 7), high)
    return add(low, high)


@njit(**COMPILED)
def answer_block(given: Arrays, block: Block) -> None:  # pragma: no cover - compiled
    """Write a block's answers and norms."""
    pair, work, scores = given.pair, given.work, given.scores
    w, row = lanes(work), 2 * block.row
    _columns(given.query, block.at, block.row, block.many, given.scale[0], work, 0)
    q0, q1, q2, q3, q4, q5, q6, q7 = load_tile(work, 0)
    most = zeros(work)
    for j in range(block.length):
        start = broadcast(given.bias, block.token + j) if len(given.bias) else zeros(work)
        score = _product(start, q0, q1, q2, q3, q4, q5, q6, q7, pair, block.key + j * row)
        store(scores, j * w, score)
        most = score if j == 0 else maximum(most, score)
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = total = zeros(work)
    for j in range(block.length):
        weight = exp(subtract(load(scores, j * w), most))
        total = add(total, weight)
        v = block.value + j * row
        a0, a1 = fma(weight, broadcast(pair, v), a0), fma(weight, broadcast(pair, v + 1), a1)
        a2, a3 = fma(weight, broadcast(pair, v + 2), a2), fma(weight, broadcast(pair, v + 3), a3)
        a4, a5 = fma(weight, broadcast(pair, v + 4), a4), fma(weight, broadcast(pair, v + 5), a5)
        a6, a7 = fma(weight, broadcast(pair, v + 6), a6), fma(weight, broadcast(pair, v + 7), a7)
    store(given.norms, block.largest, most)
    store(given.norms, block.total, total)
    a0, a1, a2, a3 = divide(a0, total), divide(a1, total), divide(a2, total), divide(a3, total)
    a4, a5, a6, a7 = divide(a4, total), divide(a5, total), divide(a6, total), divide(a7, total)
    store_tile(work, 0, a0, a1, a2, a3, a4, a5, a6, a7)
    _rows(work, 0, block.many, given.answer, block.at, block.row)


@njit(**COMPILED)
def gradients_of_block(given: Arrays, wanted: Gradients, block: Block) -> None:  # pragma: no cover - compiled
    """Write a block's gradients by its queries; add its share to those by the string's keys and values."""
    many, at, row = block.many, block.at, block.row
    w = lanes(given.work)
    scale, one = given.scale[0], given.scale[1]
    _columns(given.query, at, row, many, scale, given.work, 0)
    _columns(wanted.outer, at, row, many, one, given.work, 8 * w)
    _columns(given.answer, at, row, many, one, given.work, 16 * w)
    _weigh(given, block)
    _rows(given.work, 0, many, wanted.by_query, at, row)
    _add_by_pair(given, wanted, block)


@njit(**COMPILED)
def _weigh(given: Arrays, block: Block) -> None:  # pragma: no cover - compiled
    """Fill ``scores`` with each key's weights and gradients by score; ``work`` begins with those by query.

    ``work`` holds the queries, the gradients by their answers and the answers.
    """
    pair, work, scores = given.pair, given.work, given.scores
    w, row = lanes(work), 2 * block.row
    q0, q1, q2, q3, q4, q5, q6, q7 = load_tile(work, 0)
    g0, g1, g2, g3, g4, g5, g6, g7 = load_tile(work, 8 * w)
    # Of the softmax's gradient, sum_c outer_c answer_c, in the order of `_product`: where all weight is one
    # key's, whose value is the answer, the difference from `by_weight` is 0.
    a0, a1, a2, a3, a4, a5, a6, a7 = load_tile(work, 16 * w)
    low = fma(g3, a3, fma(g2, a2, fma(g1, a1, fma(g0, a0, zeros(work)))))
    along = add(low, fma(g7, a7, fma(g6, a6, fma(g5, a5, multiply(g4, a4)))))
    most, total = load(given.norms, block.largest), load(given.norms, block.total)
    scale, inverse = broadcast(given.scale, 0), divide(broadcast(given.scale, 1), total)
    b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = zeros(work)
    for j in range(block.length):
        k = block.key + j * row
        start = broadcast(given.bias, block.token + j) if len(given.bias) else zeros(work)
        score = _product(start, q0, q1, q2, q3, q4, q5, q6, q7, pair, k)
        weight = multiply(exp(subtract(score, most)), inverse)
        by_weight = _product(zeros(work), g0, g1, g2, g3, g4, g5, g6, g7, pair, block.value + j * row)
        by_score = multiply(multiply(weight, scale), subtract(by_weight, along))
        store(scores, 2 * j * w, weight)
        store(scores, (2 * j + 1) * w, by_score)
        b0, b1 = fma(by_score, broadcast(pair, k), b0), fma(by_score, broadcast(pair, k + 1), b1)
        b2, b3 = fma(by_score, broadcast(pair, k + 2), b2), fma(by_score, broadcast(pair, k + 3), b3)
        b4, b5 = fma(by_score, broadcast(pair, k + 4), b4), fma(by_score, broadcast(pair, k + 5), b5)
        b6, b7 = fma(by_score, broadcast(pair, k + 6), b6), fma(by_score, broadcast(pair, k + 7), b7)
    store_tile(work, 0, b0, b1, b2, b3, b4, b5, b6, b7)


@njit(**COMPILED)
def _add_by_pair(given: Arrays, wanted: Gradients, block: Block) -> None:  # pragma: no cover - compiled
    """Add to the gradients by keys and values what a block's queries give, two tokens at a time."""
    scores, by_pair, many = given.scores, wanted.by_pair, block.many
    query, outer, w, row = given.query, wanted.outer, lanes(given.work), 2 * block.row
    for j in range(0, block.length, 2):
        # Of an odd number of tokens the last stands for both: its second sums are not written.
        two = min(1, block.length - 1 - j)
        key, value, place = block.key + j * row, block.value + j * row, 2 * j * w
        next_key, next_value, next_place = key + two * row, value + two * row, place + 2 * two * w
        k0, v0 = load_eight(by_pair, key), load_eight(by_pair, value)
        k1, v1 = load_eight(by_pair, next_key), load_eight(by_pair, next_value)
        for i in range(many):
            at = block.at + i * block.row
            q, g = load_eight(query, at), load_eight(outer, at)
            v0 = fma(broadcast_eight(scores, place + i), g, v0)
            k0 = fma(broadcast_eight(scores, place + w + i), q, k0)
            v1 = fma(broadcast_eight(scores, next_place + i), g, v1)
            k1 = fma(broadcast_eight(scores, next_place + w + i), q, k1)
        store(by_pair, key, k0)
        store(by_pair, value, v0)
        if two:
            store(by_pair, next_key, k1)
            store(by_pair, next_value, v1)
