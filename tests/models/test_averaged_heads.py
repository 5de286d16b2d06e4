"""Averaged heads: against a loop over heads in float64."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.models import build, count_parameters, describe

SIZES: dict[str, Any] = {"vocab_size": 2, "max_length": 6, "layers": 2, "heads": 3, "width": 4}


def model(**given: Any) -> Any:
    arguments = {**SIZES, "averaged_head_size": 5, "initializer_range": 0.5, **given}
    return build({"name": "gpt2_reader", "init_args": arguments}, seed=0).eval()


@torch.no_grad()
def test_the_layer_adds_the_projected_mean_of_its_heads() -> None:
    attention = model().double().gpt2.h[0].attn
    hidden = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    query, key, value = attention.c_attn(hidden).split(15, dim=2)
    mean = torch.zeros(2, 6, 5, dtype=torch.float64)
    for head in range(3):
        part = slice(5 * head, 5 * head + 5)
        for i in range(6):
            scores = query[:, i : i + 1, part] @ key[:, : i + 1, part].mT / math.sqrt(5)
            mean[:, i] += (torch.softmax(scores, -1) @ value[:, : i + 1, part])[:, 0] / 3
    projection = attention.c_proj.projection
    expected = mean @ projection.weight + projection.bias
    found = attention(hidden)[0]
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


def test_it_is_described_and_built_again() -> None:
    ours = model()
    again = build(describe(ours), seed=0)
    assert count_parameters(again) == count_parameters(ours)
    assert set(again.state_dict()) == set(ours.state_dict())


def test_heads_need_not_divide_the_width() -> None:
    assert model(width=4, heads=3)(torch.zeros(1, 6, dtype=torch.int64)).shape == (1, 2)
    with pytest.raises(UsageError, match=r"width: got 4; allowed: a multiple of heads = 3"):
        build({"name": "gpt2_reader", "init_args": SIZES})
    with pytest.raises(UsageError, match=r"averaged_head_size: got 0; allowed: an integer of at least 1"):
        model(averaged_head_size=0)


def test_initial_weights_are_drawn_as_gpt2s() -> None:
    attention = model(width=64, heads=4, averaged_head_size=64, initializer_range=0.1).gpt2.h[1].attn
    assert float(attention.c_attn.weight.std()) == pytest.approx(0.1, rel=0.05)
    assert float(attention.c_proj.projection.weight.std()) == pytest.approx(0.1 / 2, rel=0.05)
    assert not attention.c_attn.bias.any()
