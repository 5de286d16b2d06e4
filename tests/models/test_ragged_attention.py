"""Attention inside each string, against torch's own on one string at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from lit_curriculum.models.ragged_attention import HIDDEN, RaggedAttention

# Fewer queries than a SIMD register holds, none, as many, and more; odd numbers of keys and even ones.
LENGTHS, ASKING, HEADS = (5, 1, 16, 37), (5, 0, 16, 35), 2
NOTHING = np.zeros(0)


def starts(lengths: tuple[int, ...]) -> np.ndarray:
    return np.append(0, np.cumsum(lengths))


def drawn(dtype: torch.dtype, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    width = 8 * HEADS
    query = scale * torch.randn(sum(ASKING), width, dtype=dtype)
    return query.requires_grad_(), torch.randn(sum(LENGTHS), 2 * width, dtype=dtype).requires_grad_()


def reference(query: torch.Tensor, pair: torch.Tensor, bias: np.ndarray) -> torch.Tensor:
    visible = torch.tensor(bias == 0 if len(bias) else np.ones(sum(LENGTHS), bool))
    found = []
    for asking, told, mask in zip(
        query.split(ASKING), pair.split(LENGTHS), visible.split(LENGTHS), strict=True
    ):
        split = [x.reshape(len(x), HEADS, 8).transpose(0, 1) for x in (asking, *told.chunk(2, 1))]
        answer = functional.scaled_dot_product_attention(*split, attn_mask=mask)
        found.append(answer.transpose(0, 1).reshape(len(asking), 8 * HEADS))
    return torch.cat(found)


def ragged(query: torch.Tensor, pair: torch.Tensor, bias: np.ndarray) -> torch.Tensor:
    return RaggedAttention.apply(query, pair, starts(ASKING), starts(LENGTHS), bias, HEADS)


@pytest.mark.parametrize(("dtype", "within"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("hidden", [(), (1, 4, 9, 30, 58)])
def test_answers_and_gradients_are_those_of_each_string_alone(
    dtype: torch.dtype, within: float, hidden: tuple[int, ...]
):
    query, pair = drawn(dtype)
    bias = np.zeros(sum(LENGTHS) if hidden else 0, query.detach().numpy().dtype)
    bias[list(hidden)] = HIDDEN
    outer = torch.randn(query.shape, dtype=dtype)
    results = []
    for way in (reference, ragged):
        answer = way(query, pair, bias)
        results.append((answer, *torch.autograd.grad(answer, (query, pair), outer)))
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=within, atol=within)


def test_gradients_are_those_of_finite_differences():
    query, pair = drawn(torch.float64)
    assert torch.autograd.gradcheck(lambda q, p: ragged(q, p, NOTHING), (query, pair))


def test_scores_far_apart_neither_overflow_nor_vanish():
    query, pair = drawn(torch.float32, scale=1e3)
    torch.testing.assert_close(
        ragged(query, pair, NOTHING), reference(query, pair, NOTHING), rtol=1e-3, atol=1e-3
    )
