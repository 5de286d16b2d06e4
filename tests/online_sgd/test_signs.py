"""Products by tables of signed sums: what they compute, and when they are used."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import signs, train_samples
from lit_curriculum.online_sgd.aligned import aligned_zeros
from lit_curriculum.online_sgd.blocked import train as train_blocked
from lit_curriculum.simd import TILE, lane_count
from tests.online_sgd.test_blocked import difference, draw, equal


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look up at every width."""
    monkeypatch.setattr(signs, "_FROM_WIDTH", 1)


@settings(max_examples=40, deadline=None)
@given(terms=st.integers(1, 40), tiles=st.integers(1, 3), keep=st.booleans(), seed=st.integers(0, 1000))
def test_a_product_with_signs(terms: int, tiles: int, keep: bool, seed: int) -> None:
    rng, lanes = np.random.default_rng(seed), lane_count(np.float64)
    rows = tiles * TILE
    A = rng.choice([-1.0, 1.0], (terms, rows))
    B, C = (aligned_zeros(n * lanes, np.float64) for n in (terms, rows))
    B[:], C[:] = rng.normal(size=B.size), rng.normal(size=C.size)
    expected = A.T @ B.reshape(terms, lanes) + keep * C.reshape(rows, lanes)
    entries = np.zeros((-(-terms // signs.GROUP), rows), dtype=np.uint8)
    table = aligned_zeros(signs.table_entries(terms) * lanes, np.float64)
    signs.find_entries(entries.reshape(-1), 0, rows, A.reshape(-1), 0, rows, terms, rows, lanes)
    signs.fill_table(table, B, 0, terms, terms, 0)
    for r in range(0, rows, TILE):
        signs.add_signed_rows(C, r * lanes, table, entries.reshape(-1), r, rows, len(entries), keep)
    np.testing.assert_allclose(C.reshape(rows, lanes), expected, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("seed", range(12))
def test_any_shape_and_block(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d, width, classes, n = (int(rng.integers(1, most)) for most in (60, 300, 9, 150))
    model, x, targets, rates = draw(d, width, classes, n, seed=seed)
    expected = copy.deepcopy(model)
    losses = train_samples(expected, x, targets, rates, backend="reference", loss_scale=0.6)
    for block in (8, 24, 32, 64):
        got = copy.deepcopy(model)
        found = train_blocked(got, x, targets, rates, 0.6, block=block)
        assert difference(got, expected) < 1e-12
        torch.testing.assert_close(found, losses, rtol=0, atol=1e-12)


def test_a_wide_network_over_many_steps() -> None:
    model, x, targets, rates = draw(30, 700, 2, 3000)
    assert signs.looks_up(700, 30, x)
    expected = copy.deepcopy(model)
    losses = train_samples(expected, x, targets, rates, backend="reference")
    got = train_samples(model, x, targets, rates, backend="blocked")
    assert difference(model, expected) < 1e-10
    torch.testing.assert_close(got, losses, rtol=0, atol=1e-10)


def test_it_is_used_where_it_pays_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    assert signs.looks_up(512, 2, x)
    assert not signs.looks_up(511, 2, x)
    assert not signs.looks_up(512, 181, torch.ones(1, 181))
    for other in (0.5, 0.0, float("nan")):
        assert not signs.looks_up(512, 2, torch.tensor([[1.0, other], [1.0, 1.0]]))
    model, x, targets, rates = draw(20, 600, 2, 100, dtype=torch.float32)
    by_tables = copy.deepcopy(model)
    train_blocked(by_tables, x, targets, rates, 1.0)
    monkeypatch.setattr(signs, "_FROM_WIDTH", 601)
    train_blocked(model, x, targets, rates, 1.0)
    assert not equal(model, by_tables)  # rounded in another order
    assert difference(model, by_tables) < 1e-4


def test_broken_weights_and_losses_show() -> None:
    model, x, targets, rates = draw(10, 600, 2, 50)
    with torch.no_grad():
        model.hidden.weight[577, 3] = float("nan")
    assert torch.isnan(train_blocked(model, x, targets, rates, 1.0)).all()


def test_an_input_of_a_network_with_inputs_between_is_not_a_sign() -> None:
    model, x, targets, rates = draw(10, 600, 2, 64)
    x[40, 3] = 0.25
    expected = copy.deepcopy(model)
    train_samples(expected, x, targets, rates, backend="reference")
    train_blocked(model, x, targets, rates, 1.0)
    assert difference(model, expected) < 1e-12
    assert isinstance(model, MLP)
