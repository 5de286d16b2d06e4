"""Attention inside each string, against torch's own on one string at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.nn import functional

from lit_curriculum.models.ragged_attention import HIDDEN, RaggedAttention, Strings
from lit_curriculum.simd import lane_count


@dataclass(frozen=True)
class Batch:
    """Strings: their lengths, how many queries each has, and which tokens may not be attended to."""

    lengths: tuple[int, ...]
    asking: tuple[int, ...]
    heads: int = 2
    hidden: tuple[int, ...] = ()

    def drawn(self, dtype: torch.dtype, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """Return queries and pairs of keys and values."""
        torch.manual_seed(0)
        width = 8 * self.heads
        query = scale * torch.randn(sum(self.asking), width, dtype=dtype)
        return query.requires_grad_(), torch.randn(sum(self.lengths), 2 * width, dtype=dtype).requires_grad_()

    def reference(self, query: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
        visible = torch.ones(sum(self.lengths), dtype=torch.bool)
        visible[list(self.hidden)] = False
        found = [query[:0]]
        parts = query.split(self.asking), pair.split(self.lengths), visible.split(self.lengths)
        for asking, told, mask in zip(*parts, strict=True):
            split = [x.reshape(len(x), self.heads, 8).transpose(0, 1) for x in (asking, *told.chunk(2, 1))]
            answer = functional.scaled_dot_product_attention(*split, attn_mask=mask)
            found.append(answer.transpose(0, 1).reshape(len(asking), 8 * self.heads))
        return torch.cat(found)

    def ragged(self, query: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
        bias = np.zeros(sum(self.lengths) if self.hidden else 0)
        bias[list(self.hidden)] = HIDDEN
        queries, keys = (np.append(0, np.cumsum(many)) for many in (self.asking, self.lengths))
        return RaggedAttention.apply(query, pair, Strings.of(queries, keys, bias), self.heads)

    def check(self, dtype: torch.dtype, within: float) -> None:
        """Compare answers and gradients."""
        query, pair = self.drawn(dtype)
        outer = torch.randn(query.shape, dtype=dtype)
        results = []
        for way in (self.reference, self.ragged):
            answer = way(query, pair)
            results.append((answer, *torch.autograd.grad(answer, (query, pair), outer)))
        for expected, found in zip(*results, strict=True):
            torch.testing.assert_close(found, expected, rtol=within, atol=within)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    many = st.integers(1, 5)
    lengths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=draw(many)))
    asking = draw(st.lists(st.integers(0, 40), min_size=len(lengths), max_size=len(lengths)))
    hidden, first = [], 0
    for length in lengths:
        # One token of each string stays visible: no token at all has no softmax.
        hidden += [first + j for j in draw(st.sets(st.integers(0, length - 1), max_size=length - 1))]
        first += length
    return Batch(tuple(lengths), tuple(asking), draw(st.integers(1, 3)), tuple(hidden))


LANES = lane_count(np.float32)
SEVERAL = Batch((5, 1, LANES, 2 * LANES + 5), (5, 0, LANES, 2 * LANES + 3), hidden=(1, 4, LANES + 3))


@given(batches())
@example(SEVERAL)
@example(Batch((7,), (0,)))
def test_answers_and_gradients_are_those_of_each_string_alone(batch: Batch):
    batch.check(torch.float64, 1e-12)
    batch.check(torch.float32, 2e-5)


def test_gradients_are_those_of_finite_differences():
    query, pair = SEVERAL.drawn(torch.float64)
    assert torch.autograd.gradcheck(SEVERAL.ragged, (query, pair), fast_mode=True)


def test_scores_far_apart_neither_overflow_nor_vanish():
    query, pair = SEVERAL.drawn(torch.float32, scale=1e3)
    torch.testing.assert_close(
        SEVERAL.ragged(query, pair), SEVERAL.reference(query, pair), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_diverged_is_seen_in_its_own_string_alone(dtype: torch.dtype):
    query, pair = SEVERAL.drawn(dtype)
    with torch.no_grad():
        query[1] = torch.nan
    answer = SEVERAL.ragged(query, pair)
    bad = answer.isnan().any(1)
    assert bad.nonzero().flatten().tolist() == [1]
    by_query, by_pair = torch.autograd.grad(answer.sum(), (query, pair))
    assert by_query.isnan().any(1).nonzero().flatten().tolist() == [1]
    assert by_pair.isnan().any(1).nonzero().flatten().tolist() == list(range(5))


def test_a_batch_of_strided_rows_is_taken_for_what_it_is():
    query, pair = SEVERAL.drawn(torch.float64)
    wide = torch.cat((query, query), 1)[:, : query.shape[1]]
    assert not wide.is_contiguous()
    torch.testing.assert_close(SEVERAL.ragged(wide, pair), SEVERAL.ragged(query, pair), rtol=0, atol=0)


def test_what_is_hidden_or_far_below_has_no_gradient_at_all():
    batch = Batch((3,), (2,), heads=1, hidden=(1,))
    query, pair = batch.drawn(torch.float32)
    (by_pair,) = torch.autograd.grad(batch.ragged(query, pair).sum(), (pair,))
    assert (by_pair[1] == 0).all()
    assert (by_pair[[0, 2]] != 0).any(1).all()


def test_the_only_key_cannot_be_asked_for_more():
    batch = Batch((1, 1), (3, 1))
    query, pair = batch.drawn(torch.float32)
    outer = torch.randn_like(query)
    by_query, by_pair = torch.autograd.grad(batch.ragged(query, pair), (query, pair), outer)
    assert (by_query == 0).all()
    assert (by_pair[:, : query.shape[1]] == 0).all()


@pytest.mark.parametrize("of", ["query", "pair", "heads"])
def test_arguments_that_do_not_fit_each_other_are_refused(of: str):
    strings = Strings.of(np.array([0, 1, 3]), np.array([0, 2, 5]), np.zeros(5))
    given = {"query": torch.zeros(3, 16), "pair": torch.zeros(5, 32), "strings": strings, "heads": 2}
    RaggedAttention.apply(*given.values())
    given[of] = 1 if of == "heads" else given[of][:-1]
    with pytest.raises(ValueError, match="do not fit"):
        RaggedAttention.apply(*given.values())


@pytest.mark.parametrize(
    ("queries", "keys", "bias"),
    [
        ([0, 1], [0, 2, 5], 0),
        ([0, 1, 3], [0, 2, 5], 3),
        ([0, 4, 3], [0, 2, 5], 0),
        ([0, 1, 3], [0, 6, 5], 0),
        ([1, 2, 3], [0, 2, 5], 0),
        ([0, 1, 3], [-1, 2, 5], 0),
        ([], [], 0),
    ],
)
def test_places_that_a_kernel_must_not_follow_are_refused(queries: list[int], keys: list[int], bias: int):
    with pytest.raises(ValueError, match="do not fit each other; allowed: "):
        Strings.of(np.array(queries, np.int64), np.array(keys, np.int64), np.zeros(bias))


def test_places_are_whole_numbers_of_any_type_and_are_copied():
    unsigned = np.array([0, 5, 3], np.uint8)
    with pytest.raises(ValueError, match="ascending from 0"):
        Strings.of(np.array([0, 2, 3], np.uint8), unsigned, np.zeros(0))
    with pytest.raises(ValueError, match="whole numbers"):
        Strings.of(np.array([0, 1.5, 3]), np.array([0, 1.5, 3]), np.zeros(0))
    keys = np.array([0, 2, 5], np.uint8)
    strings = Strings.of(np.array([0, 1, 3]), keys, np.zeros(0))
    keys[1] = 4
    assert strings.keys.tolist() == [0, 2, 5]
    assert strings.longest == 3


def test_a_second_derivative_is_refused():
    batch = Batch((4,), (3,), heads=1)
    query, pair = batch.drawn(torch.float32)
    with pytest.raises(RuntimeError, match="packs = False"):
        torch.autograd.grad(batch.ragged(query, pair).sum(), query, create_graph=True)


def test_a_bias_is_taken_as_it_was():
    batch = Batch((4,), (3,), heads=1)
    query, pair = batch.drawn(torch.float64)
    bias = np.zeros(8)[::2]
    bias[2] = HIDDEN
    strings = Strings.of(np.array([0, 3]), np.array([0, 4]), bias)
    answer = RaggedAttention.apply(query, pair, strings, 1)
    bias[:] = 0
    (found,) = torch.autograd.grad(answer.sum(), (pair,))
    assert (found[2] == 0).all()
    torch.testing.assert_close(answer, Batch((4,), (3,), 1, (2,)).reference(query, pair))
