from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.models import BertMaskedLM, build
from lit_curriculum.probes.ngram import ngram_distances, window
from lit_curriculum.tasks.pcfg import Sampler, load_grammar
from lit_curriculum.tasks.positions import draw_positions
from lit_curriculum.tasks.vocabulary import MASK_ID

GRAMMAR = load_grammar("cfg3b", root=(13, 14, 15))


def tiny(attention: str = "sdpa", **changes: Any) -> BertMaskedLM:
    # Large weights, so that predictions really depend on the context.
    arguments = {"vocab_size": 5, "max_length": 27, "layers": 2, "heads": 2, "initializer_range": 0.5}
    model = build(
        {"name": "bert_masked_lm", "init_args": {**arguments, "attention": attention, **changes}}, seed=3
    )
    assert isinstance(model, BertMaskedLM)
    return model


def inputs(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    strings = Sampler(GRAMMAR).sample(0, "probe", 0, count)
    return torch.from_numpy(strings.tokens.astype(np.int64)), torch.from_numpy(strings.lengths)


def brute_force(model: BertMaskedLM, x: list[int], i: int, n: int) -> tuple[float, float]:
    """Equations 5 and 6 for one string without padding and one position, straight from the definitions."""
    h = len(x)
    left, right = -(-(n - 1) // 2), (n - 1) // 2
    ngram = {j for j in range(h) if max(i - left, 0) <= j <= min(i + right, h)}

    def p(masked: set[int], visible: set[int]) -> torch.Tensor:
        ids = torch.tensor([[MASK_ID if j in masked else x[j] for j in range(h)]])
        attention = torch.tensor([[j in visible for j in range(h)]])
        with torch.no_grad():
            return torch.softmax(model(ids, attention)[0, i].double(), dim=-1)

    everything = set(range(h))
    full = p({i}, everything)
    robust = (full - p(ngram, everything)).abs().sum() / 2
    close = (full - p({i}, ngram | {i})).abs().sum() / 2
    return float(robust), float(close)


# Float64 shows that both compute the same function, at weights large enough to make it hard. In float32
# the two differ by rounding, which grows with the weights: below 1e-6 at 0.2, up to 2.2e-6 at 0.5.
@pytest.mark.parametrize(
    ("dtype", "initializer_range", "tolerance"), [(torch.float64, 0.5, 1e-7), (torch.float32, 0.2, 1e-6)]
)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("rows_per_batch", [1, 7, 1000])
def test_measures_equal_a_brute_force_loop(
    attention: str, rows_per_batch: int, dtype: torch.dtype, initializer_range: float, tolerance: float
):
    model = tiny(attention, initializer_range=initializer_range).eval().to(dtype)
    tokens, lengths = inputs()
    positions = torch.cat(
        [draw_positions(lengths, 2, seed=1), torch.zeros(6, 1), lengths[:, None] - 1], dim=1
    ).long()
    ns = (1, 2, 3, 4, 9, 99)
    measured = ngram_distances(model, tokens, lengths, positions, ns, rows_per_batch)
    assert measured.robust.shape == measured.close.shape == (6, 6, 4)
    # Equality would say little about a model that ignores its context.
    assert measured.robust[2].median() > 5e-3
    assert measured.close[2].median() > 5e-3
    for k, n in enumerate(ns):
        for row in range(6):
            for column in range(4):
                i = int(positions[row, column])
                robust, close = brute_force(model, tokens[row, : lengths[row]].tolist(), i, n)
                assert measured.robust[k, row, column].item() == pytest.approx(robust, abs=tolerance)
                assert measured.close[k, row, column].item() == pytest.approx(close, abs=tolerance)


def test_limits_of_the_window():
    tokens, lengths = inputs()
    measured = ngram_distances(tiny(), tokens, lengths, draw_positions(lengths, 3, seed=0), ns=(1, 60))
    # n = 1 removes nothing but i; a window over the whole string leaves nothing out.
    assert measured.robust[0].abs().max() == 0
    assert measured.close[1].abs().max() < 1e-6
    # And these two inputs do differ.
    assert measured.robust[1].max() > 1e-3
    assert measured.close[0].max() > 1e-3


def test_medians_are_over_strings_and_positions():
    tokens, lengths = inputs()
    measured = ngram_distances(tiny(), tokens, lengths, draw_positions(lengths, 3, seed=0), ns=(3, 5))
    assert measured.median_robust() == {
        n: float(np.median(measured.robust[k].numpy())) for k, n in enumerate((3, 5))
    }
    assert measured.median_close() == {
        n: float(np.median(measured.close[k].numpy())) for k, n in enumerate((3, 5))
    }


def test_the_model_is_left_as_it_was():
    model = tiny(dropout=0.5).train()
    model.bert_for_masked_lm.cls.eval()
    modes = [module.training for module in model.modules()]
    tokens, lengths = inputs()
    positions = draw_positions(lengths, 2, seed=0)
    first = ngram_distances(model, tokens, lengths, positions)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(first.robust, ngram_distances(model, tokens, lengths, positions).robust)
    assert all(p.grad is None for p in model.parameters())


@given(n=st.integers(1, 40), h=st.integers(1, 30), data=st.data())
def test_window_is_definition_4_2_clipped_to_the_string(n: int, h: int, data: Any):
    i = data.draw(st.integers(0, h - 1))
    first, last = window(torch.tensor([i]), n, torch.tensor([h]))
    expected = [j for j in range(h) if i - -(-(n - 1) // 2) <= j <= i + (n - 1) // 2]
    assert list(range(int(first), int(last) + 1)) == expected
    assert i in expected


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    start=st.integers(0, 2**40),
    lengths=st.lists(st.integers(1, 500), min_size=1),
)
def test_positions_lie_in_their_strings_and_depend_on_the_string_alone(
    seed: int, start: int, lengths: list[int]
):
    positions = draw_positions(torch.tensor(lengths), 3, seed, start=start)
    assert positions.shape == (len(lengths), 3)
    assert (positions >= 0).all()
    assert (positions < torch.tensor(lengths)[:, None]).all()
    alone = draw_positions(torch.tensor(lengths[-1:]), 3, seed, start=start + len(lengths) - 1)
    assert torch.equal(alone[0], positions[-1])


def test_positions_are_uniform():
    counts = torch.bincount(draw_positions(torch.full((3000,), 7), 4, seed=0).flatten(), minlength=7)
    expected = 12_000 / 7
    assert ((counts - expected) ** 2 / expected).sum() < 6 + 5 * np.sqrt(12)


def test_no_positions_are_allowed():
    tokens, lengths = inputs(2)
    assert ngram_distances(tiny(), tokens, lengths, torch.empty(2, 0, dtype=torch.int64)).robust.shape == (
        4,
        2,
        0,
    )


@pytest.mark.parametrize("position", [-1, 27])
def test_a_position_outside_its_string_is_refused(position: int):
    tokens, lengths = inputs(1)
    with pytest.raises(UsageError, match=r"^positions: .*0 <= position < length"):
        ngram_distances(tiny(), tokens, lengths, torch.tensor([[position]]))


def test_a_window_below_one_is_refused():
    tokens, lengths = inputs(1)
    with pytest.raises(UsageError, match=r"^n: got 0"):
        ngram_distances(tiny(), tokens, lengths, torch.tensor([[0]]), ns=(0,))
