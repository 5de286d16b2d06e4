"""Attention among the tokens of each string, the strings laid end to end: nothing is padded, nothing masked.

Heads have 8 dimensions, as all models on grammars. `attention_kernel` answers as many queries at a time as a
SIMD register holds; the weights are computed again in the backward pass and never kept (Dao et al., 2022,
section 3.1). How it compares with torch's own is in ``docs/performance.md``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numba import njit

from lit_curriculum.models.attention_kernel import (
    COMPILED,
    HEAD_SIZE,
    WORK,
    Arrays,
    Block,
    Gradients,
    answer_block,
    gradients_of_block,
)
from lit_curriculum.simd import lane_count, lanes

HIDDEN = -1e30
"""Added to the score of a token that may not be attended to."""


class RaggedAttention(torch.autograd.Function):
    """softmax(q k' / sqrt(8)) v, string by string and head by head; float32 or float64, on the processor.

    ``apply(query, pair, queries, keys, bias, heads)``:

    - query (M, heads * 8): of the tokens that ask, string after string;
    - pair (N, 2 * heads * 8): keys, then values, of all tokens, string after string;
    - queries, keys int64 (n + 1,): where each string's rows begin in ``query`` and ``pair``, and the end;
    - bias (N,): 0, or `HIDDEN` for a token that may not be attended to; empty if there is none;
    - the answer is (M, heads * 8).

    ValueError for arguments that do not fit each other: the kernel reads where they say.
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
        _check(query, pair, queries, keys, bias, heads)
        answer = torch.empty_like(query, memory_format=torch.contiguous_format)
        dtype = answer.numpy().dtype
        norms = np.empty((heads, 2, len(query) + lane_count(dtype)), dtype)
        ctx.places, ctx.norms = (queries, keys, np.array(bias, dtype), heads), norms
        ctx.save_for_backward(query, pair, answer)
        _attend(_arrays(query, pair, answer, norms, ctx.places), queries, keys, heads)
        return answer

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of queries and of keys with values, given those of the answers."""
        query, pair, answer = ctx.saved_tensors
        by_query = torch.empty_like(query, memory_format=torch.contiguous_format)
        by_pair = torch.zeros_like(pair, memory_format=torch.contiguous_format)
        wanted = Gradients(*map(_flat, (outer, by_query, by_pair)))
        queries, keys, _, heads = ctx.places
        _attend_backward(_arrays(query, pair, answer, ctx.norms, ctx.places), wanted, queries, keys, heads)
        return by_query, by_pair, None, None, None, None


def _check(
    query: torch.Tensor,
    pair: torch.Tensor,
    queries: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
    bias: npt.NDArray[Any],
    heads: int,
) -> None:
    row = HEAD_SIZE * heads
    shapes = tuple(query.shape), tuple(pair.shape), len(queries), len(bias) in (0, len(pair))
    if shapes != ((queries[-1], row), (keys[-1], 2 * row), len(keys), True):
        raise ValueError(
            f"query {shapes[0]}, pair {shapes[1]}, {len(queries)} and {len(keys)} beginnings that end with "
            f"{queries[-1]} and {keys[-1]}, a bias of {len(bias)} and heads = {heads} do not fit each other"
        )


def _flat(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """Return a tensor's numbers, row after row."""
    found: npt.NDArray[Any] = tensor.detach().contiguous().numpy().reshape(-1)
    return found


def _arrays(
    query: torch.Tensor,
    pair: torch.Tensor,
    answer: torch.Tensor,
    norms: npt.NDArray[Any],
    places: tuple[Any, ...],
) -> Arrays:
    """Return what the kernel works on, with its scratch space."""
    _, keys, bias, _ = places
    dtype, width = norms.dtype, lane_count(norms.dtype)
    scale = np.array([HEAD_SIZE**-0.5, 1], dtype)
    work = np.empty(WORK * width, dtype)
    scores = np.empty(2 * width * int(np.diff(keys).max(initial=0)), dtype)
    given = _flat(query), _flat(pair), bias, scale, _flat(answer), norms.reshape(-1), work, scores
    return Arrays(*given)


@njit(**COMPILED)
def _attend(given: Arrays, queries: Any, keys: Any, heads: int) -> None:  # pragma: no cover - compiled
    """Write all answers."""
    w, row = lanes(given.work), HEAD_SIZE * heads
    stride = len(given.norms) // (2 * heads)
    for s in range(len(keys) - 1):
        for head in range(heads):
            for b in range(queries[s], queries[s + 1], w):
                answer_block(given, _block(queries, keys, s, head, b, w, row, stride))


@njit(**COMPILED)
def _attend_backward(
    given: Arrays, wanted: Gradients, queries: Any, keys: Any, heads: int
) -> None:  # pragma: no cover - compiled
    """Write all gradients."""
    w, row = lanes(given.work), HEAD_SIZE * heads
    stride = len(given.norms) // (2 * heads)
    for s in range(len(keys) - 1):
        for head in range(heads):
            for b in range(queries[s], queries[s + 1], w):
                gradients_of_block(given, wanted, _block(queries, keys, s, head, b, w, row, stride))


@njit(**COMPILED)
def _block(
    queries: Any, keys: Any, s: int, head: int, b: int, w: int, row: int, stride: int
) -> Block:  # pragma: no cover - compiled
    """Return the block of string s that begins with query b."""
    key = keys[s] * 2 * row + HEAD_SIZE * head
    largest = 2 * head * stride + b
    return Block(
        min(w, queries[s + 1] - b),
        b * row + HEAD_SIZE * head,
        row,
        key,
        key + row,
        keys[s],
        keys[s + 1] - keys[s],
        largest,
        largest + stride,
    )
