"""The simplified block against its formula, sum by sum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.models import build, describe
from lit_curriculum.models.plain_transformer import PlainTransformer

ARGUMENTS: dict[str, Any] = {
    "vocab_size": 3,
    "max_length": 4,
    "width": 5,
    "head_size": 2,
    "value_size": 3,
    "hidden": [6, 4],
}


def made(**changed: Any) -> PlainTransformer:
    model = build({"name": "plain_transformer", "init_args": {**ARGUMENTS, **changed}}, seed=0)
    assert isinstance(model, PlainTransformer)
    return model


@pytest.mark.parametrize("by_position", [False, True])
def test_it_is_attention_at_the_last_position_and_an_mlp(by_position: bool) -> None:
    model = made(by_position=by_position)
    ids = torch.tensor([[0, 2, 1, 1], [2, 2, 0, 1]])
    weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    for row, found, attention in zip(ids.tolist(), model(ids), model.attention(ids), strict=True):
        table = weights["tokens"]
        x = [(table[i][t] if by_position else table[t]) + weights["positions"][i] for i, t in enumerate(row)]
        query = weights["query.weight"] @ x[-1]
        scores = [math.exp(weights["key.weight"] @ each @ query) for each in x]
        shares = [score / math.fsum(scores) for score in scores]
        h = sum(share * (weights["value.weight"] @ each) for share, each in zip(shares, x, strict=True))
        for i in (0, 2):
            h = np.maximum(weights[f"mlp.{i}.weight"] @ h + weights[f"mlp.{i}.bias"], 0)
        expected = weights["mlp.4.weight"] @ h + weights["mlp.4.bias"]
        np.testing.assert_allclose(attention.detach(), shares, atol=1e-6)
        np.testing.assert_allclose(found.detach(), expected, atol=1e-6)


def test_it_learns_and_is_built_again() -> None:
    model = made()
    model(torch.tensor([[0, 1, 2, 0]])).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    again = build(describe(model))
    assert {n: t.shape for n, t in again.state_dict().items()} == {
        n: t.shape for n, t in model.state_dict().items()
    }


@pytest.mark.parametrize("key", ["vocab_size", "max_length", "width", "head_size", "value_size", "n_outputs"])
def test_sizes_below_one_are_refused(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        PlainTransformer(**{**ARGUMENTS, key: 0})
    assert str(caught.value) == f"{key}: got 0; allowed: an integer of at least 1"


def test_other_lengths_and_empty_layers_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^hidden: got 0; allowed: an integer of at least 1$"):
        PlainTransformer(**{**ARGUMENTS, "hidden": [3, 0]})
    with pytest.raises(UsageError, match=r"^inputs: got 'of shape \(1, 3\)'; allowed: \(n, 4\)$"):
        made()(torch.tensor([[0, 1, 2]]))
