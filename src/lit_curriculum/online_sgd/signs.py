"""Products with a matrix of signs: four terms of a sum are one look into a table.

    C[r, :] += sum_k A[k, r] * B[k, :],    A[k, r] in {-1, 1}

Four vectors B[k], .., B[k + 3] have sixteen signed sums. They are computed once and serve every row r of C,
whose four signs, read as a number of four bits, say which one it takes: one addition in place of four
multiplications and additions ("the method of four Russians", Arlazarov et al. 1970, over the reals). With
64 rows, the table costs a quarter of what it saves.

Inputs of a parity are signs, and so is the 1 of the bias, so both products of the blocked kernel, W X' and
G' X, are of this kind. A sum runs over the groups in order: its bits depend on nothing but the operands.
They are other bits than those of `products`, which add term by term.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit

from lit_curriculum.simd import (
    add,
    byte_of,
    eight_bytes,
    lanes,
    load,
    load_tile,
    store,
    store_tile,
    subtract,
    zeros,
)

GROUP = 4
ENTRIES = 16


_FROM_WIDTH = 512  # below, finding the signs costs more than the tables save
_MOST_INPUTS = 180  # inputs whose table fits a first cache of 48 KiB


def looks_up(width: int, d: int, x: torch.Tensor) -> bool:
    """Return whether a network of ``width`` units and ``d`` inputs had better look up its products with x.

    That is so if it is wide and every input is 1 or -1.
    """
    return width >= _FROM_WIDTH and d <= _MOST_INPUTS and bool((x.abs() == 1).all())


def table_entries(terms: int) -> int:
    """Return how many vectors the table of a sum over ``terms`` terms takes."""
    return -(-terms // GROUP) * ENTRIES


@njit(cache=True, nogil=True, _nrt=False)
def find_entries(
    entries: Any, first: int, entries_row: int, A: Any, a: int, a_row: int, n_k: int, n_r: int, width: int
) -> None:  # pragma: no cover - compiled
    """Fill ``entries[k // 4, r]`` with the entry that A[k, r], .., A[k + 3, r] choose among their sixteen.

    Args:
        entries: uint8, offsets in elements, from ``first`` on, ``entries_row`` from group to group.
        A: signs, from ``a`` on, ``a_row`` from k to k.
        n_k: terms.
        n_r: rows.
        width: lanes of a vector.
    """
    step = np.uint64(a_row)
    for k in range(0, n_k, GROUP):
        many = min(GROUP, n_k - k)
        to, at = np.uint64(first + k // GROUP * entries_row), np.uint64(a + k * a_row)
        for r in range(np.uint64(n_r)):
            entries[to + r] = 0
        for j in range(np.uint64(many)):
            bit = np.uint8(width << j)
            for r in range(np.uint64(n_r)):
                entries[to + r] |= bit if A[at + j * step + r] > 0 else np.uint8(0)


@njit(cache=True, nogil=True, _nrt=False)
def fill_table(
    table: Any, B: Any, b: int, n_k: int, run: int, jump: int
) -> None:  # pragma: no cover - compiled
    """Write the signed sums of every four of ``n_k`` vectors.

    Args:
        table: (`table_entries`, L).
        B: vectors, from ``b`` on.
        n_k: their number; a last group of fewer than four is filled up with zeros.
        run: so many vectors, a multiple of four or all, lie one behind another.
        jump: elements from the beginning of one run to the next one's.
    """
    width = lanes(table)
    t = 0
    for k in range(0, n_k, GROUP):
        at = b + k // run * jump + k % run * width
        w0, w1, w2, w3 = load(B, at), zeros(table), zeros(table), zeros(table)
        if k + 1 < n_k:
            w1 = load(B, at + width)
        if k + 2 < n_k:
            w2 = load(B, at + 2 * width)
        if k + 3 < n_k:
            w3 = load(B, at + 3 * width)
        # Bit j of an entry's number is set where the sign of term j is +.
        sum01, sum23 = add(w0, w1), add(w2, w3)
        gap01, gap23 = subtract(w0, w1), subtract(w2, w3)
        _four_entries(table, t, width, sum01, sum23, 15, 3)
        _four_entries(table, t, width, gap01, sum23, 13, 1)
        _four_entries(table, t, width, sum01, gap23, 7, 11)
        _four_entries(table, t, width, gap01, gap23, 5, 9)
        t += ENTRIES * width


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _four_entries(
    table: Any, t: int, width: int, low: Any, high: Any, both: int, only_low: int
) -> None:  # pragma: no cover - compiled
    """Write low + high and low - high, and their negatives, whose numbers have the other bits."""
    total, difference = add(low, high), subtract(low, high)
    store(table, t + both * width, total)
    store(table, t + (ENTRIES - 1 - both) * width, subtract(zeros(table), total))
    store(table, t + only_low * width, difference)
    store(table, t + (ENTRIES - 1 - only_low) * width, subtract(zeros(table), difference))


@njit(cache=True, nogil=True, _nrt=False)
def add_signed_rows(
    C: Any, c: int, table: Any, entries: Any, first: int, entries_row: int, groups: int, keep: bool
) -> None:  # pragma: no cover - compiled
    """Add to `TILE` rows of C, one vector each and one behind another, the sums that ``entries`` choose.

    Args:
        C: from ``c`` on.
        table: see `fill_table`.
        entries: see `find_entries`; those of the tile's rows begin at ``first``.
        entries_row: from group to group.
        groups: groups of four terms.
        keep: whether the sums start from C, else from 0.
    """
    w = lanes(C)
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zeros(C)
    if keep:
        s0, s1, s2, s3, s4, s5, s6, s7 = load_tile(C, c)
    e, t = first, 0
    for _ in range(groups):
        # One load for eight places in the table: loads are what the loop waits for.
        word = eight_bytes(entries, e)
        s0 = add(s0, load(table, t + byte_of(word, 0)))
        s1 = add(s1, load(table, t + byte_of(word, 1)))
        s2 = add(s2, load(table, t + byte_of(word, 2)))
        s3 = add(s3, load(table, t + byte_of(word, 3)))
        s4 = add(s4, load(table, t + byte_of(word, 4)))
        s5 = add(s5, load(table, t + byte_of(word, 5)))
        s6 = add(s6, load(table, t + byte_of(word, 6)))
        s7 = add(s7, load(table, t + byte_of(word, 7)))
        e += entries_row
        t += ENTRIES * w
    store_tile(C, c, s0, s1, s2, s3, s4, s5, s6, s7)
