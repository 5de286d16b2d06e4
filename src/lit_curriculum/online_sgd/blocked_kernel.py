"""The compiled part of the blocked backend: the order of the work and who does it.

Per step there is one pass over the hidden units (`unit_passes`). A pass ends with a sum over all units, the
logits, so passes follow each other strictly; within one, the chunks of units are independent. The main thread
goes through the passes. In those that are shared out (products, and with very wide networks every step),
helpers take chunks, too. Nobody waits for a helper that has not taken a chunk: where another process holds
its core, the main thread does the work alone. A chunk's numbers do not depend on who computes it, and the
shares of the logits are added in the order of the chunks, so the result does not depend on the helpers.

`_nrt=False` compiles without reference counting: the kernel allocates nothing, and counting references to the
arrays of `State`, an atomic operation each, took a third of its time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from lit_curriculum.online_sgd.flags import claim, observe, publish
from lit_curriculum.online_sgd.output_layer import step_output
from lit_curriculum.online_sgd.products import rows_4x1, rows_4x2
from lit_curriculum.online_sgd.signs import GROUP, find_entries
from lit_curriculum.online_sgd.state import LINE, SUB_BLOCK, Sizes, State
from lit_curriculum.online_sgd.unit_passes import pass_over
from lit_curriculum.simd import lane_sum, lanes, load

_SPINS = 100_000  # looks at a flag, about 0.1 ms, before a nap
_NAP = 20  # microseconds
# Waking from a nap, a thread is placed on an idle core. One that only yields may share a core with the thread
# that it waits for, while another core idles.
_nap = types.ExternalFunction("usleep", types.int32(types.uint32))


@njit(cache=True, nogil=True, _nrt=False)
def lead(
    state: State, sizes: Sizes, helpers: int, sums: Any, table: Any
) -> int:  # pragma: no cover - compiled
    """Take all steps; return the first row with a logit that is not finite, or n."""
    turn = 0
    row = sizes.n
    for t in range(sizes.n + 1):
        at = t % sizes.block
        boundary = t == sizes.n or at == 0
        if boundary and t < sizes.n:
            count = min(sizes.n - t, sizes.block)
            rows = state.rows[t // sizes.block % 2 * sizes.block * sizes.x_row :]
            _load_block(state.x, rows, state.columns, t, count, sizes.d1, sizes.x_row, sizes.gram_row)
            _gram_matrix(state.gram, rows, state.columns, count, sizes.d1, sizes.x_row, sizes.gram_row)
            if sizes.signs:
                _find_signs(state, sizes, rows, t // sizes.block % 2, count)
        if helpers > 0 and (boundary or sizes.share_steps):
            turn += 1
            state.turn[LINE] = t
            publish(state.turn, 0, turn)
            _take_chunks(state, sizes, turn, 0, sums, table)
            for chunk in range(sizes.chunks):
                _wait(state.done, chunk * LINE, turn)
        else:
            for chunk in range(sizes.chunks):
                _work(state, sizes, t, at, chunk, sums, table)
        if t < sizes.n and not step_output(state, sizes, t):
            row = t
            break
    publish(state.turn, 0, -1)
    return row


@njit(cache=True, nogil=True, _nrt=False)
def help_out(
    state: State, sizes: Sizes, first_chunk: int, sums: Any, table: Any
) -> None:  # pragma: no cover - compiled
    """Take chunks of the passes that are shared out, from ``first_chunk`` on, until the last step is done."""
    turn = 0
    spins = 0
    while turn >= 0:
        current = observe(state.turn, 0)
        if current == turn:
            spins += 1
            if spins > _SPINS:
                _nap(types.uint32(_NAP))
        else:
            turn = current
            spins = 0
            if turn > 0:
                _take_chunks(state, sizes, turn, first_chunk, sums, table)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _wait(flags: Any, index: int, value: int) -> None:  # pragma: no cover - compiled
    """Return when a flag has reached ``value``."""
    spins = 0
    while observe(flags, index) < value:
        spins += 1
        if spins > _SPINS:
            _nap(types.uint32(_NAP))


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _take_chunks(
    state: State, sizes: Sizes, turn: int, first: int, sums: Any, table: Any
) -> None:  # pragma: no cover - compiled
    """Work on every chunk that nobody has taken, beginning with ``first``.

    A helper that comes late finds a later pass in the flag, or this one: it takes nothing. So what it reads
    after taking a chunk belongs to the pass, which cannot end before the chunk is done.
    """
    for i in range(sizes.chunks):
        chunk = (first + i) % sizes.chunks
        if claim(state.claimed, chunk * LINE, turn - 1, turn):
            t = state.turn[LINE]
            _work(state, sizes, t, t % sizes.block, chunk, sums, table)
            publish(state.done, chunk * LINE, turn)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _work(
    state: State, sizes: Sizes, t: int, at: int, chunk: int, sums: Any, table: Any
) -> None:  # pragma: no cover - compiled
    """Pass over one chunk and keep its share of the logits."""
    pass_over(state, sizes, t, at, chunk, sums, table)
    for k in range(sizes.classes):
        state.partial[chunk * sizes.classes + k] = lane_sum(load(sums, k * lanes(sums)))


@njit(cache=True, nogil=True, _nrt=False)
def _load_block(
    x: Any, rows: Any, columns: Any, start: int, count: int, d1: int, x_row: int, gram_row: int
) -> None:  # pragma: no cover - compiled
    """Copy a block's inputs, with 1 for the bias, to where products read them, as rows and as columns."""
    # A signed index may count from the end, which numba asks every time: such a loop is not vectorised, and
    # these copies took a fifth of a step at width 100.
    d, row, column_row = np.uint64(d1 - 1), np.uint64(x_row), np.uint64(gram_row)
    filled = np.uint64(-(-count // SUB_BLOCK) * SUB_BLOCK)
    for s in range(np.uint64(count)):
        source, target = x[(np.uint64(start) + s) * d :], rows[s * row :]
        for j in range(d):
            target[j] = source[j]
        target[d] = 1
    rows[np.uint64(count) * row : filled * row] = 0
    for i in range(np.uint64(d1)):
        column = columns[i * column_row :]
        for t in range(filled):
            column[t] = rows[t * row + i]


@njit(cache=True, nogil=True, _nrt=False)
def _find_signs(
    state: State, sizes: Sizes, rows: Any, half: int, count: int
) -> None:  # pragma: no cover - compiled
    """Find what the products of a block with its inputs look up."""
    width = lanes(state.gram)
    d1, row, column = sizes.d1, sizes.x_row, sizes.gram_row
    find_entries(state.by_sample, 0, column, state.columns, 0, column, d1, count, width)
    find_entries(state.by_input, half * sizes.block // GROUP * row, row, rows, 0, row, count, d1, width)


@njit(cache=True, nogil=True, _nrt=False)
def _gram_matrix(
    gram: Any, rows: Any, columns: Any, count: int, d1: int, x_row: int, gram_row: int
) -> None:  # pragma: no cover - compiled
    """Fill ``gram[s, t]``, s < t, with the inner products of the block's inputs, 1 for the bias included."""
    width = lanes(gram)
    for s in range(0, count, 4):
        a = s * x_row
        v = s // width * width
        while v + width < count:
            rows_4x2(
                gram, s * gram_row + v, gram_row, width, rows, a, x_row, 1,
                columns, v, gram_row, width, d1, 1, 0, False,
            )  # fmt: skip
            v += 2 * width
        if v < count:
            rows_4x1(
                gram, s * gram_row + v, gram_row, rows, a, x_row, 1, columns, v, gram_row, d1, 1, 0, False
            )
