"""Partial rank correlations against the textbook's formula, and where they say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lit_curriculum.reproduce.ranks import partial_rank_correlation

small = st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=4, max_size=12)


def by_the_formula(x: list[int], y: list[int], z: list[int]) -> float:
    """Return (r_xy - r_xz r_yz) / sqrt((1 - r_xz^2) (1 - r_yz^2)) of the ranks."""
    ranks = np.corrcoef([stats.rankdata(of) for of in (x, y, z)])
    xy, xz, yz = ranks[0, 1], ranks[0, 2], ranks[1, 2]
    return float((xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2)))


@given(small)
def test_it_is_the_formula_of_the_textbook(rows: list[tuple[int, int, int]]) -> None:
    x, y, z = map(list, zip(*rows, strict=True))
    found = partial_rank_correlation(x, y, z)
    assert -1 - 1e-9 <= found <= 1 + 1e-9
    if any(len(set(of)) == 1 for of in (x, y)):
        assert found == 0
    elif len(set(z)) > 1 and all(abs(stats.spearmanr(of, z).statistic) < 1 - 1e-9 for of in (x, y)):
        assert found == pytest.approx(by_the_formula(x, y, z), abs=1e-6)


def test_what_the_third_explains_does_not_count() -> None:
    accuracy = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    value = [3.0, 1.0, 4.0, 2.0, 6.0, 5.0]
    # Both rise with accuracy, but what is left of them is unrelated or opposite.
    assert stats.spearmanr(accuracy, value).statistic > 0.5
    assert partial_rank_correlation(accuracy, value, accuracy) == 0
    peak = [1, 5, 6, 4, 3, 2]
    assert partial_rank_correlation(peak, peak, accuracy) == pytest.approx(1)
    assert partial_rank_correlation(peak, [-p for p in peak], accuracy) == pytest.approx(-1)


def test_without_an_effect_it_is_as_often_above_zero_as_below() -> None:
    drawn = np.random.default_rng(0)
    found = [
        partial_rank_correlation(*(drawn.normal(size=8).tolist() for _ in range(2)), list(range(8)))
        for _ in range(4000)
    ]
    assert abs(np.mean(found)) < 0.03
    assert abs(np.mean(np.array(found) > 0) - 0.5) < 0.03


@pytest.mark.parametrize("n", [1, 2, 3])
def test_three_places_say_nothing(n: int) -> None:
    assert math.isnan(partial_rank_correlation(list(range(n)), [0.0] * n, [1.0] * n))


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2, 3 and 3"):
        partial_rank_correlation([1, 2], [1, 2, 3], [1, 2, 3])
