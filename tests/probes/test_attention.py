"""Path attention against loops over heads and positions, from hidden states alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lit_curriculum.models import build
from lit_curriculum.probes.attention import path_attention

D, HEADS = 7, 2


def gpt2(averaged: bool) -> Any:
    sizes: dict[str, Any] = {"layers": 2, "heads": HEADS, "width": 8, "initializer_range": 0.8}
    if averaged:
        sizes["averaged_head_size"] = 5
    arguments = {"vocab_size": 2, "max_length": D, **sizes}
    return build({"name": "gpt2_reader", "init_args": arguments}, seed=3).eval()


def tokens(n: int) -> torch.Tensor:
    return torch.randint(0, 2, (n, D), generator=torch.Generator().manual_seed(1))


def weights_of(block: Any, hidden: torch.Tensor) -> torch.Tensor:
    """Return a block's attention (n, heads, L, L), from queries and keys, one number at a time."""
    attention, normed = block.attn, block.ln_1(hidden)
    inner, size = attention.split_size, attention.head_dim
    query, key, _ = attention.c_attn(normed).split(inner, dim=2)
    found = torch.zeros(len(hidden), HEADS, D, D)
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        for i in range(D):
            scores = [(query[:, i, part] * key[:, j, part]).sum(1) / math.sqrt(size) for j in range(i + 1)]
            found[:, head, i, : i + 1] = torch.softmax(torch.stack(scores, 1), 1)
    return found


@pytest.mark.parametrize("averaged", [False, True])
@torch.no_grad()
def test_it_is_the_sum_over_heads_and_positions(averaged: bool) -> None:
    model, inputs = gpt2(averaged), tokens(5)
    hidden = model.gpt2.wte(inputs) + model.gpt2.wpe(torch.arange(D))
    first = weights_of(model.gpt2.h[0], hidden)
    second = weights_of(model.gpt2.h[1], model.gpt2.h[0](hidden))
    paths = torch.zeros(5, D)
    for one in range(HEADS):
        for two in range(HEADS):
            for i in range(D):
                for j in range(D):
                    paths[:, j] += second[:, two, -1, i] * first[:, one, i, j]
    found = path_attention(model, inputs, [1, 4])
    assert found.total == HEADS**2
    torch.testing.assert_close(found.coordinates.float(), paths.median(0).values, atol=1e-5, rtol=0)
    assert found.support == pytest.approx(float((paths[:, 1] + paths[:, 4]).median()), abs=1e-5)


@pytest.mark.parametrize("averaged", [False, True])
@torch.no_grad()
def test_the_fast_attention_answers_as_the_eager_one(averaged: bool) -> None:
    model, inputs = gpt2(averaged), tokens(9)
    fast = model(inputs)
    model.gpt2.set_attn_implementation("eager")
    hidden = model.gpt2(input_ids=inputs).last_hidden_state[:, -1]
    torch.testing.assert_close(model.head(hidden), fast, atol=1e-5, rtol=0)


def test_asking_for_attention_leaves_the_model_as_it_was() -> None:
    model = gpt2(False)
    assert model.gpt2.config._attn_implementation == "sdpa"
    model.attentions(tokens(2))
    assert model.gpt2.config._attn_implementation == "sdpa"
