"""The one matrix product of the blocked kernel.

C[r, :] += sum_k A[k, r] * B[k, :] for four rows r and one or two vectors of columns, the sums held in
registers. Everything is addressed by a flat array, an offset and strides (in elements):

    C   `c_row` from row to row, `c_next` from the first vector of columns to the second
    A   `a_row` from row to row, `a_k` from k to k
    B   `b_k` from k to k, `b_next` from vector to vector; after every `n_k` values of k, `b_jump` to the next
        group of `n_k`, `n_groups` groups in all (the samples of a block lie in groups; A's do not)

A sum runs over k in order, each term added with one rounding: its bits depend on nothing but the operands.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from lit_curriculum.simd import broadcast, fma, load, store, zeros


@njit(cache=True, nogil=True, _nrt=False)
def rows_4x2(
    C: Any,
    c: int,
    c_row: int,
    c_next: int,
    A: Any,
    a: int,
    a_row: int,
    a_k: int,
    B: Any,
    b: int,
    b_k: int,
    b_next: int,
    n_k: int,
    n_groups: int,
    b_jump: int,
    keep: bool,
) -> None:  # pragma: no cover - compiled
    """Four rows, two vectors of columns; the sums start from C if ``keep``, else from 0."""
    s00 = s01 = s10 = s11 = s20 = s21 = s30 = s31 = zeros(C)
    c1, c2, c3 = c + c_row, c + 2 * c_row, c + 3 * c_row
    if keep:
        s00, s01 = load(C, c), load(C, c + c_next)
        s10, s11 = load(C, c1), load(C, c1 + c_next)
        s20, s21 = load(C, c2), load(C, c2 + c_next)
        s30, s31 = load(C, c3), load(C, c3 + c_next)
    for group in range(n_groups):
        at = b + group * b_jump
        for _ in range(n_k):
            b0, b1 = load(B, at), load(B, at + b_next)
            f = broadcast(A, a)
            s00, s01 = fma(f, b0, s00), fma(f, b1, s01)
            f = broadcast(A, a + a_row)
            s10, s11 = fma(f, b0, s10), fma(f, b1, s11)
            f = broadcast(A, a + 2 * a_row)
            s20, s21 = fma(f, b0, s20), fma(f, b1, s21)
            f = broadcast(A, a + 3 * a_row)
            s30, s31 = fma(f, b0, s30), fma(f, b1, s31)
            a += a_k
            at += b_k
    store(C, c, s00)
    store(C, c + c_next, s01)
    store(C, c1, s10)
    store(C, c1 + c_next, s11)
    store(C, c2, s20)
    store(C, c2 + c_next, s21)
    store(C, c3, s30)
    store(C, c3 + c_next, s31)


@njit(cache=True, nogil=True, _nrt=False)
def rows_4x1(
    C: Any,
    c: int,
    c_row: int,
    A: Any,
    a: int,
    a_row: int,
    a_k: int,
    B: Any,
    b: int,
    b_k: int,
    n_k: int,
    n_groups: int,
    b_jump: int,
    keep: bool,
) -> None:  # pragma: no cover - compiled
    """Four rows, one vector of columns."""
    s0 = s1 = s2 = s3 = zeros(C)
    c1, c2, c3 = c + c_row, c + 2 * c_row, c + 3 * c_row
    if keep:
        s0, s1, s2, s3 = load(C, c), load(C, c1), load(C, c2), load(C, c3)
    for group in range(n_groups):
        at = b + group * b_jump
        for _ in range(n_k):
            b0 = load(B, at)
            s0 = fma(broadcast(A, a), b0, s0)
            s1 = fma(broadcast(A, a + a_row), b0, s1)
            s2 = fma(broadcast(A, a + 2 * a_row), b0, s2)
            s3 = fma(broadcast(A, a + 3 * a_row), b0, s3)
            a += a_k
            at += b_k
    store(C, c, s0)
    store(C, c1, s1)
    store(C, c2, s2)
    store(C, c3, s3)
