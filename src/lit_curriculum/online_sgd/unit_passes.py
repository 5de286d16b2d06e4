"""The compiled pass over a chunk of hidden units: what happens to a unit between two samples.

A pass ends step t - 1 (hidden gradient, update of U), brings the pre-activations up to date if a sub-block or
a block has ended, and begins step t (pre-activation, share of the logits). It does all of that for a pair of
vectors of units before it turns to the next pair, so that their weights and states stay in the first cache.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from lit_curriculum.online_sgd.products import rows_4x1, rows_4x2
from lit_curriculum.online_sgd.signs import GROUP, add_signed_rows, fill_table
from lit_curriculum.online_sgd.state import SUB_BLOCK, Sizes, State
from lit_curriculum.simd import TILE, broadcast, fma, lanes, load, prefetch, store, where_active, zeros


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def pass_over(
    state: State, sizes: Sizes, t: int, at: int, chunk: int, sums: Any, table: Any
) -> None:  # pragma: no cover - compiled
    """Work on one chunk; leave its share of the logits of step t, a lane each, in ``sums`` (C, L).

    ``at`` is t's place in its block, ``table`` the thread's own place for tables of signed sums.
    """
    v, stop = state.bounds[chunk], state.bounds[chunk + 1]
    before = (at if at > 0 else sizes.block) - 1
    H, U, vectors, classes = state.H, state.U, sizes.vectors, sizes.classes
    for k in range(classes):
        store(sums, k * lanes(sums), zeros(sums))
    if at % SUB_BLOCK != 0 and t < sizes.n:
        # Most passes: nothing to bring up to date. A loop of its own, or the calls of the other slow it down.
        for i in range(v, stop):
            _end_step(H, U, state.factors, i, vectors, before, classes)
            _begin_step(H, U, state.gram, sums, i, vectors, at, classes, sizes.gram_row)
        return
    while v < stop:
        many = min(2, stop - v)
        if t > 0:
            for i in range(v, v + many):
                _end_step(H, U, state.factors, i, vectors, before, classes)
        _refresh(state, sizes, t, at, v, many, table)
        if t < sizes.n:
            for i in range(v, v + many):
                _begin_step(H, U, state.gram, sums, i, vectors, at, classes, sizes.gram_row)
        v += 2


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _refresh(
    state: State, sizes: Sizes, t: int, at: int, v: int, many: int, table: Any
) -> None:  # pragma: no cover - compiled
    """Bring W and the coming pre-activations of one or two vectors up to date."""
    vectors, row, block = sizes.vectors, sizes.x_row, sizes.block
    if at > 0 and t < sizes.n:
        _correct(state.H, state.gram, v, many, vectors, at, sizes.gram_row)
        return
    if t > 0:
        count = at if at > 0 else block
        first = (t - 1) // block % 2 * block
        if sizes.signs:
            _update_by_signs(state, sizes, table, v, many, first, count)
        else:
            _update_weights(state.W, state.H, state.rows, v, many, vectors, row, first, count)
    if t < sizes.n:
        count, first = min(sizes.n - t, block), t // block % 2 * block
        if sizes.signs:
            _pre_activations_by_signs(state, sizes, table, v, many, count)
        else:
            _pre_activations(state.H, state.W, state.rows, v, many, vectors, row, sizes.d1, first, count)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _begin_step(
    H: Any, U: Any, gram: Any, sums: Any, v: int, vectors: int, at: int, classes: int, gram_row: int
) -> None:  # pragma: no cover - compiled
    """Correct sample ``at`` by the steps before it in its sub-block; add its logits to ``sums``."""
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


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
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


@njit(cache=True, nogil=True, _nrt=False)
def _correct(
    H: Any, gram: Any, v: int, many: int, vectors: int, at: int, gram_row: int
) -> None:  # pragma: no cover - compiled
    """Correct the sub-block that begins with sample ``at`` by the sub-blocks before it in the block."""
    width = lanes(gram)
    size = SUB_BLOCK * width
    jump = vectors * size
    sub = at // SUB_BLOCK
    for s in range(0, SUB_BLOCK, 4):
        c, a = sub * jump + v * size + s * width, at + s
        if many == 2:
            rows_4x2(
                H, c, width, size, gram, a, 1, gram_row,
                H, v * size, width, size, SUB_BLOCK, sub, jump, True,
            )  # fmt: skip
        else:
            rows_4x1(H, c, width, gram, a, 1, gram_row, H, v * size, width, SUB_BLOCK, sub, jump, True)


@njit(cache=True, nogil=True, _nrt=False)
def _update_weights(
    W: Any, H: Any, rows: Any, v: int, many: int, vectors: int, row: int, first: int, count: int
) -> None:  # pragma: no cover - compiled
    """Add the rank-``count`` update of the block that lies in ``rows`` from ``first`` on."""
    width = lanes(W)
    size = SUB_BLOCK * width
    jump = vectors * size
    subs = -(-count // SUB_BLOCK)
    for i in range(0, row, 4):
        c, a = (v * row + i) * width, first * row + i
        if many == 2:
            rows_4x2(
                W, c, width, row * width, rows, a, 1, row,
                H, v * size, width, size, SUB_BLOCK, subs, jump, True,
            )  # fmt: skip
        else:
            rows_4x1(W, c, width, rows, a, 1, row, H, v * size, width, SUB_BLOCK, subs, jump, True)


@njit(cache=True, nogil=True, _nrt=False)
def _pre_activations(
    H: Any, W: Any, rows: Any, v: int, many: int, vectors: int, row: int, d1: int, first: int, count: int
) -> None:  # pragma: no cover - compiled
    """Put W x of a block's samples in H, as if none of its steps had been taken yet."""
    width = lanes(W)
    size = SUB_BLOCK * width
    for s in range(0, count, 4):
        c = (s // SUB_BLOCK * vectors + v) * size + s % SUB_BLOCK * width
        a, b = (first + s) * row, v * row * width
        if many == 2:
            rows_4x2(H, c, width, size, rows, a, row, 1, W, b, width, row * width, d1, 1, 0, False)
        else:
            rows_4x1(H, c, width, rows, a, row, 1, W, b, width, d1, 1, 0, False)


@njit(cache=True, nogil=True, _nrt=False)
def _update_by_signs(
    state: State, sizes: Sizes, table: Any, v: int, many: int, first: int, count: int
) -> None:  # pragma: no cover - compiled
    """As `_update_weights`, where every input is 1 or -1."""
    width, row = lanes(table), sizes.x_row
    size = SUB_BLOCK * width
    for u in range(v, v + many):
        _prefetch(state, sizes, u + many)
        fill_table(table, state.H, u * size, count, SUB_BLOCK, sizes.vectors * size)
        for i in range(0, row, TILE):
            add_signed_rows(
                state.W, (u * row + i) * width, table,
                state.by_input, first // GROUP * row + i, row, -(-count // GROUP), True,
            )  # fmt: skip


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _prefetch(state: State, sizes: Sizes, u: int) -> None:  # pragma: no cover - compiled
    """Ask for all that the products touch of a vector; past the last one it is asked for in vain.

    Its states lie in a piece for each sub-block, too short for the processor to foresee.
    """
    width, row = lanes(state.W), sizes.x_row
    size = SUB_BLOCK * width
    for i in range(row):
        prefetch(state.W, (u * row + i) * width)
    for sub in range(sizes.block // SUB_BLOCK):
        for s in range(SUB_BLOCK):
            prefetch(state.H, (sub * sizes.vectors + u) * size + s * width)


@njit(cache=True, nogil=True, _nrt=False)
def _pre_activations_by_signs(
    state: State, sizes: Sizes, table: Any, v: int, many: int, count: int
) -> None:  # pragma: no cover - compiled
    """As `_pre_activations`, where every input is 1 or -1."""
    width, d1 = lanes(table), sizes.d1
    size = SUB_BLOCK * width
    for u in range(v, v + many):
        fill_table(table, state.W, u * sizes.x_row * width, d1, d1, 0)
        for s in range(0, count, TILE):
            add_signed_rows(
                state.H, (s // SUB_BLOCK * sizes.vectors + u) * size, table,
                state.by_sample, s, sizes.gram_row, -(-d1 // GROUP), False,
            )  # fmt: skip
