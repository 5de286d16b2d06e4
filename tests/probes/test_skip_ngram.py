"""M_close and M_robust of a causal model against brute force with attention masks, in float64."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.models import build
from lit_curriculum.probes.skip_ngram import skip_ngram_distances

SIZES: dict[str, Any] = {"vocab_size": 5, "max_length": 12, "layers": 2, "heads": 2, "width": 8}


def gpt2() -> Any:
    arguments = {**SIZES, "initializer_range": 0.4}
    return build({"name": "gpt2_decoder", "init_args": arguments}, seed=1).double().eval()


def brute_force(model: Any, ids: torch.Tensor, q: int, visible: set[int]) -> torch.Tensor:
    """Return p after place q of one string, computed head by head with hidden places left out of each sum."""
    gpt = model.gpt2
    hidden = gpt.wte(ids) + gpt.wpe(torch.arange(len(ids)))
    for block in gpt.h:
        normed = block.ln_1(hidden)
        query, key, value = block.attn.c_attn(normed).split(8, dim=-1)
        merged = torch.zeros_like(hidden)
        for i in sorted(visible):
            seen = [j for j in range(i + 1) if j in visible]
            for head in range(2):
                part = slice(4 * head, 4 * head + 4)
                scores = torch.stack([query[i, part] @ key[j, part] / math.sqrt(4) for j in seen])
                merged[i, part] = torch.softmax(scores, 0) @ torch.stack([value[j, part] for j in seen])
        hidden = hidden + block.attn.c_proj(merged)
        hidden = hidden + block.mlp(block.ln_2(hidden))
    return torch.softmax(model.head(gpt.ln_f(hidden)[q]), -1)


@torch.no_grad()
def test_both_are_the_definitions() -> None:
    model = gpt2()
    generator = torch.Generator().manual_seed(2)
    ids = torch.cat(
        [torch.ones(3, 1, dtype=torch.int64), torch.randint(2, 5, (3, 11), generator=generator)], 1
    )
    lengths = (12, 9, 7)
    for row, length in enumerate(lengths):
        ids[row, length:] = 0
    positions = torch.tensor([[1, 5, 11], [2, 7, 8], [6, 3, 3]])
    ns = (2, 3, 5, 9)
    found = skip_ngram_distances(model, ids, positions, ns, rows_per_batch=4)
    for row in range(3):
        for place, q in enumerate(positions[row].tolist()):
            everything = set(range(q + 1))
            full = brute_force(model, ids[row], q, everything)
            for k, n in enumerate(ns):
                context = {j for j in range(q - n + 2, q + 1) if j >= 0}
                rest = (everything - context) | {q}
                for values, visible in ((found.close, context), (found.robust, rest)):
                    expected = (full - brute_force(model, ids[row], q, visible)).abs().sum() / 2
                    assert float(values[k, row, place]) == pytest.approx(float(expected), abs=1e-6)


def test_a_bigram_context_is_the_last_token_which_always_stays() -> None:
    ids = torch.tensor([[1, 2, 3, 4, 2, 3]])
    found = skip_ngram_distances(gpt2(), ids, torch.tensor([[5]]), (2, 9))
    assert float(found.robust[0]) == 0
    assert float(found.close[0]) > 0
    # A context as long as the string leaves nothing out.
    assert float(found.close[1]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("positions", "ns", "message"),
    [
        ([[0]], (3,), "positions: got 'one outside its string'"),
        ([[6]], (3,), "positions: got 'one outside its string'"),
        ([[2]], (1, 3), "n: got 1; allowed: an integer of at least 2"),
    ],
)
def test_wrong_arguments_are_refused(positions: list[list[int]], ns: tuple[int, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        skip_ngram_distances(gpt2(), torch.ones(1, 6, dtype=torch.int64), torch.tensor(positions), ns)
