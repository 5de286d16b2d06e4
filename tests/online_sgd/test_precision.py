"""Finite precision: inside the ball, the nearest grid point, the worst of the ball."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.online_sgd import Kind, Precision

ENTRIES = st.lists(st.floats(-3, 3), min_size=1, max_size=20)
SIGMAS = st.floats(1e-3, 2)


def gradient(entries: list[float]) -> torch.Tensor:
    return torch.tensor(entries, dtype=torch.float64)


@given(ENTRIES, SIGMAS, st.sampled_from(["grid", "sign"]))
def test_no_entry_is_off_by_more_than_sigma(entries: list[float], sigma: float, kind: Kind) -> None:
    g = gradient(entries)
    assert float((Precision(sigma, kind)(g) - g).abs().max()) <= sigma * (1 + 1e-9)


@given(ENTRIES, SIGMAS)
def test_a_grid_has_the_nearest_multiple_of_two_sigma(entries: list[float], sigma: float) -> None:
    found = Precision(sigma, "grid")(gradient(entries))
    for entry, value in zip(entries, found.tolist(), strict=True):
        multiple = value / (2 * sigma)
        assert multiple == pytest.approx(round(multiple), abs=1e-9)
        assert abs(value - entry) <= sigma * (1 + 1e-9)


@given(ENTRIES, SIGMAS, st.integers(0, 2**31))
def test_no_other_approximation_descends_less(entries: list[float], sigma: float, seed: int) -> None:
    g = gradient(entries)
    worst = float(Precision(sigma, "sign")(g) @ g)
    assert worst == pytest.approx(float(g @ g - sigma * g.abs().sum()))
    generator = torch.Generator().manual_seed(seed)
    for _ in range(10):
        other = g + sigma * (2 * torch.rand(len(g), generator=generator, dtype=g.dtype) - 1)
        assert float(other @ g) >= worst - 1e-9


def test_a_sigma_of_zero_changes_nothing() -> None:
    g = gradient([0.3, -0.1])
    assert Precision()(g) is g


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0, "grid"), "model.sigma: got -1.0; allowed: a finite number >= 0"),
        ((math.nan, "grid"), "model.sigma: got nan; allowed: a finite number >= 0"),
        ((0.1, "noise"), "model.precision: got 'noise'; allowed: grid, sign"),
    ],
)
def test_what_is_no_precision_is_refused(arguments: tuple[float, Kind], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Precision(*arguments)
    assert str(caught.value) == message
