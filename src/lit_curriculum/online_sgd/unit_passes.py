"""The compiled pass over a chunk of hidden units: what happens to a unit between two samples.

A pass ends step t - 1 (hidden gradient, update of U), brings the pre-activations up to date if a sub-block or
a block has ended, and begins step t (pre-activation, share of the logits). It does all of that for a pair of
vectors of units before it turns to the next pair, so that their weights and states stay in the first cache.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from lit_curriculum.online_sgd.products import rows_4x1, rows_4x2
from lit_curriculum.online_sgd.simd import broadcast, fma, lanes, load, store, where_active, zeros
from lit_curriculum.online_sgd.state import SUB_BLOCK, Sizes, State


@njit(cache=True, nogil=True, forceinline=True)
def pass_over(
    state: State, sizes: Sizes, t: int, chunk: int, sums: Any
) -> None:  # pragma: no cover - compiled
    """Work on one chunk; leave its share of the logits of step t, a lane each, in ``sums`` (C, L)."""
    pairs = (sizes.vectors + 1) // 2
    v = 2 * (chunk * pairs // sizes.chunks)
    stop = min(sizes.vectors, 2 * ((chunk + 1) * pairs // sizes.chunks))
    ends, begins = t > 0, t < sizes.n
    at, before = t % sizes.block, (t - 1) % sizes.block
    for k in range(sizes.classes):
        store(sums, k * lanes(sums), zeros(sums))
    while v < stop:
        many = min(2, stop - v)
        if ends:
            for i in range(v, v + many):
                _end_step(state.H, state.U, state.factors, i, sizes.vectors, before, sizes.classes)
        if at == 0 or not begins:
            if ends:
                _update_weights(state, sizes, v, many, t - 1 - before, before + 1)
            if begins:
                _pre_activations(state, sizes, v, many, t)
        elif at % SUB_BLOCK == 0:
            _correct(state, sizes, v, many, at)
        if begins:
            for i in range(v, v + many):
                _begin_step(
                    state.H, state.U, state.gram, sums, i, sizes.vectors, at, sizes.classes, sizes.gram_row
                )
        v += 2


@njit(cache=True, nogil=True, forceinline=True)
def _begin_step(
    H: Any, U: Any, gram: Any, sums: Any, v: int, vectors: int, at: int, classes: int, gram_row: int
) -> None:  # pragma: no cover - compiled
    """Correct the pre-activations of sample ``at`` by the steps before it in its sub-block; add to ``sums``."""
    width = lanes(sums)
    s = at % SUB_BLOCK
    h = (at // SUB_BLOCK * vectors + v) * SUB_BLOCK * width
    pre = load(H, h + s * width)
    g = (at - s) * gram_row + at
    for earlier in range(s):
        pre = fma(broadcast(gram, g + earlier * gram_row), load(H, h + earlier * width), pre)
    store(H, h + s * width, pre)
    active = where_active(pre, pre)
    for k in range(classes):
        u = load(U, (v * classes + k) * width)
        store(sums, k * width, fma(u, active, load(sums, k * width)))


@njit(cache=True, nogil=True, forceinline=True)
def _end_step(
    H: Any, U: Any, factors: Any, v: int, vectors: int, at: int, classes: int
) -> None:  # pragma: no cover - compiled
    """Put minus rate times the hidden gradient in place of the pre-activation; update U."""
    width = lanes(factors)
    h = ((at // SUB_BLOCK * vectors + v) * SUB_BLOCK + at % SUB_BLOCK) * width
    pre = load(H, h)
    active = where_active(pre, pre)
    gradient = zeros(factors)
    for k in range(classes):
        place = (v * classes + k) * width
        factor = broadcast(factors, k)
        u = load(U, place)
        gradient = fma(factor, u, gradient)
        store(U, place, fma(factor, active, u))
    store(H, h, where_active(pre, gradient))


@njit(cache=True, nogil=True, forceinline=True)
def _correct(
    state: State, sizes: Sizes, v: int, many: int, at: int
) -> None:  # pragma: no cover - compiled
    """Correct the sub-block that begins with sample ``at`` by the sub-blocks before it in the block."""
    H, gram, row = state.H, state.gram, sizes.gram_row
    width = lanes(gram)
    size = SUB_BLOCK * width
    jump = sizes.vectors * size
    sub = at // SUB_BLOCK
    for s in range(0, SUB_BLOCK, 4):
        c = sub * jump + v * size + s * width
        if many == 2:
            rows_4x2(
                H, c, width, size, gram, at + s, 1, row, H, v * size, width, size, SUB_BLOCK, sub, jump, True
            )
        else:
            rows_4x1(H, c, width, gram, at + s, 1, row, H, v * size, width, SUB_BLOCK, sub, jump, True)


@njit(cache=True, nogil=True, forceinline=True)
def _update_weights(
    state: State, sizes: Sizes, v: int, many: int, start: int, count: int
) -> None:  # pragma: no cover - compiled
    """Add the rank-``count`` update of a block that began with sample ``start``."""
    W, H, row = state.W, state.H, sizes.x_row
    width = lanes(W)
    size = SUB_BLOCK * width
    jump = sizes.vectors * size
    subs = -(-count // SUB_BLOCK)
    for i in range(0, row, 4):
        c, a = (v * row + i) * width, start * row + i
        if many == 2:
            rows_4x2(
                W, c, width, row * width, state.x, a, 1, row,
                H, v * size, width, size, SUB_BLOCK, subs, jump, True,
            )  # fmt: skip
        else:
            rows_4x1(W, c, width, state.x, a, 1, row, H, v * size, width, SUB_BLOCK, subs, jump, True)


@njit(cache=True, nogil=True, forceinline=True)
def _pre_activations(
    state: State, sizes: Sizes, v: int, many: int, start: int
) -> None:  # pragma: no cover - compiled
    """Put W x of the block's samples in H, as if none of its steps had been taken yet."""
    W, H, row = state.W, state.H, sizes.x_row
    width = lanes(W)
    size = SUB_BLOCK * width
    for s in range(0, min(sizes.n - start, sizes.block), 4):
        c = (s // SUB_BLOCK * sizes.vectors + v) * size + s % SUB_BLOCK * width
        a, b = (start + s) * row, v * row * width
        if many == 2:
            rows_4x2(
                H, c, width, size, state.x, a, row, 1, W, b, width, row * width, sizes.d1, 1, 0, False
            )
        else:
            rows_4x1(H, c, width, state.x, a, row, 1, W, b, width, sizes.d1, 1, 0, False)
