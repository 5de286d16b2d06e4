"""Attention among the tokens of each string, the strings laid end to end: nothing is padded, nothing masked.

Heads have 8 dimensions, as all models on grammars. `attention_kernel` answers as many queries at a time as a
SIMD register holds; the weights are computed again in the backward pass and never kept (Dao et al., 2022,
section 3.1). How it compares with torch's own is in ``docs/performance.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Strings:
    """Where the strings of a batch lie in queries and in keys; every layer of a model takes the same.

    Attributes:
        queries: where each string's rows begin among those that ask, and the end, int64 (n + 1,).
        keys: where each string's rows begin among all tokens, and the end, int64 (n + 1,).
        bias: 0, or `HIDDEN` for a token that may not be attended to (N,); empty if there is none.
        longest: tokens of the longest string.
    """

    queries: npt.NDArray[np.int64]
    keys: npt.NDArray[np.int64]
    bias: npt.NDArray[Any]
    longest: int

    @classmethod
    def of(
        cls, queries: npt.NDArray[np.int64], keys: npt.NDArray[np.int64], bias: npt.NDArray[Any]
    ) -> Strings:
        """Return strings with copies of what is given.

        Raises:
            ValueError: for places that are no whole numbers ascending from 0, or do not fit each other.
        """
        given = queries, keys
        # Not as they are given: differences of unsigned numbers would all be above 0.
        queries, keys = (np.array(at, np.int64) for at in given)
        if not all(np.array_equal(at, whole) for at, whole in zip(given, (queries, keys), strict=True)):
            raise ValueError(f"beginnings {given[0]} and {given[1]}; allowed: whole numbers")
        lengths = np.diff(keys)
        ascend = all(len(at) and at[0] == 0 and (np.diff(at) >= 0).all() for at in (queries, keys))
        if not ascend or len(queries) != len(keys) or len(bias) not in (0, keys[-1]):
            raise ValueError(
                f"beginnings {queries} and {keys} and a bias of {len(bias)} do not fit each other; allowed: "
                "as many of either, ascending from 0, and a bias of 0 or as many tokens"
            )
        return cls(queries, keys, np.array(bias), int(lengths.max(initial=0)))


class RaggedAttention(torch.autograd.Function):
    """softmax(q k' / sqrt(8)) v, string by string and head by head; float32 or float64, on the processor.

    ``apply(query, pair, strings, heads)``:

    - query (M, heads * 8): of the tokens that ask, string after string;
    - pair (N, 2 * heads * 8): keys, then values, of all tokens, string after string;
    - strings: see `Strings`;
    - the answer is (M, heads * 8).

    ValueError for arguments that do not fit each other: the kernel reads where they say. It has no second
    derivative: RuntimeError for ``create_graph``.
    """

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, pair: torch.Tensor, strings: Strings, heads: int
    ) -> torch.Tensor:
        """Return the answers; see the class."""
        _check(query, pair, strings, heads)
        answer = torch.empty_like(query, memory_format=torch.contiguous_format)
        dtype = answer.numpy().dtype
        norms = np.empty((heads, 2, len(query) + lane_count(dtype)), dtype)
        ctx.strings, ctx.heads, ctx.norms = strings, heads, norms
        ctx.save_for_backward(query, pair, answer)
        _attend(_arrays(query, pair, answer, norms, strings), strings.queries, strings.keys, heads)
        return answer

    @staticmethod
    def backward(ctx: Any, outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of queries and of keys with values, given those of the answers."""
        if torch.is_grad_enabled():
            raise RuntimeError(
                "attention on packed strings has no second derivative; set `packs = False` on the model for "
                "transformers' own"
            )
        query, pair, answer = ctx.saved_tensors
        by_query = torch.empty_like(query, memory_format=torch.contiguous_format)
        by_pair = torch.zeros_like(pair, memory_format=torch.contiguous_format)
        wanted = Gradients(*map(_flat, (outer, by_query, by_pair)))
        given = _arrays(query, pair, answer, ctx.norms, ctx.strings)
        _attend_backward(given, wanted, ctx.strings.queries, ctx.strings.keys, ctx.heads)
        return by_query, by_pair, None, None


def _check(query: torch.Tensor, pair: torch.Tensor, strings: Strings, heads: int) -> None:
    row = HEAD_SIZE * heads
    shapes = tuple(query.shape), tuple(pair.shape)
    if shapes != ((strings.queries[-1], row), (strings.keys[-1], 2 * row)):
        raise ValueError(
            f"query {shapes[0]}, pair {shapes[1]}, strings that end with {strings.queries[-1]} and "
            f"{strings.keys[-1]}, and heads = {heads} do not fit each other"
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
    strings: Strings,
) -> Arrays:
    """Return what the kernel works on, with its scratch space."""
    dtype, width = norms.dtype, lane_count(norms.dtype)
    scale = np.array([HEAD_SIZE**-0.5, 1], dtype)
    work = np.empty(WORK * width, dtype)
    scores = np.empty(2 * width * strings.longest, dtype)
    bias = strings.bias.astype(dtype, copy=False)
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
