"""A rule holds where the effect is, and seldom where there is none."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lit_curriculum.reproduce.predicates import (
    AtLeast,
    AtMost,
    Between,
    MeanAbove,
    MeanBelow,
    MeanWithin,
    Sooner,
    WithinFactor,
    bounds,
    seeds_needed,
    signed_rank_p,
)

values = st.lists(st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=2, max_size=8)


def share(rule, effect, n, tries=4000):
    """Return how often each status comes out for values with a mean of ``effect`` standard deviations."""
    rng = np.random.default_rng(0)
    found = [rule.judge(list(rng.normal(effect, 1.0, n))).status for _ in range(tries)]
    return {status: found.count(status) / tries for status in ("holds", "fails", "inconclusive")}


@pytest.mark.parametrize("n", [3, 5, 10])
def test_without_an_effect_a_comparison_holds_in_one_case_of_twenty(n):
    found = share(MeanAbove(), 0.0, n)
    assert abs(found["holds"] - 0.05) < 0.011
    assert abs(found["fails"] - 0.05) < 0.011


@pytest.mark.parametrize("n", [5, 8])
def test_without_an_effect_ranks_hold_at_most_in_one_case_of_twenty(n):
    found = share(Sooner(), 0.0, n, tries=2000)
    assert found["holds"] <= 0.06
    assert found["fails"] <= 0.06


@pytest.mark.parametrize(("effect", "n"), [(1.7, 3), (0.95, 5)])
def test_so_many_seeds_resolve_so_large_a_difference(effect, n):
    """At this mean difference, in standard deviations, the bound lies just at zero."""
    sample = np.array([-1.0, 0.0, 1.0]) if n == 3 else np.array([-1.0, -1.0, 0.0, 1.0, 1.0])
    sample = sample / sample.std(ddof=1)
    assert MeanAbove().judge(list(sample + effect + 0.03)).status == "holds"
    assert MeanAbove().judge(list(sample + effect - 0.03)).status == "inconclusive"


@given(values)
def test_bounds_are_those_of_a_t_test(sample):
    low, high = bounds(sample)
    if max(sample) > min(sample):
        assert low == pytest.approx(
            stats.ttest_1samp(sample, 0, alternative="greater").confidence_interval(0.95).low
        )
        assert high == pytest.approx(
            stats.ttest_1samp(sample, 0, alternative="less").confidence_interval(0.95).high
        )


@given(values)
def test_the_other_sign_is_the_other_verdict(sample):
    ours, theirs = MeanAbove().judge(sample).status, MeanAbove().judge([-value for value in sample]).status
    assert {"holds": "fails", "fails": "holds", "inconclusive": "inconclusive"}[ours] == theirs


@given(values.filter(all))
def test_ranks_are_those_of_all_signs(sample):
    ranks = stats.rankdata(np.abs(sample))
    seen = ranks[np.array(sample) > 0].sum()
    larger = sum(ranks @ np.array(signs) >= seen for signs in itertools.product([0, 1], repeat=len(sample)))
    assert signed_rank_p(sample) == pytest.approx(larger / 2 ** len(sample))


def test_a_run_that_never_solves_counts_by_its_rank():
    assert Sooner().judge([math.inf, 100, 50, 20, 10]).status == "holds"
    assert Sooner().judge([-math.inf, -100, -50, -20, -10]).status == "fails"
    assert Sooner().judge([100.0, 50.0, 20.0]).status == "inconclusive"
    assert Sooner().judge([100.0, 50.0, 20.0]).needed == 5


@pytest.mark.parametrize("effect", [0.4, 0.8, 1.5])
def test_with_the_seeds_that_it_names_an_effect_is_found_four_times_in_five(effect):
    n = seeds_needed(effect)
    assert n is not None
    assert 0.77 < share(MeanAbove(), effect, n)["holds"] < 0.9


def test_an_inconclusive_comparison_names_the_seeds_that_it_needs():
    verdict = MeanAbove().judge([0.02, -0.01, 0.03])
    assert verdict.status == "inconclusive"
    assert verdict.needed == seeds_needed(verdict.effect)
    assert MeanAbove().judge([0.0, 0.0]).needed is None


def test_one_seed_compares_nothing():
    assert MeanAbove().judge([5.0]).status == "inconclusive"
    assert MeanWithin(1.0).judge([0.0]).status == "inconclusive"


def test_equivalence_is_shown_and_not_assumed():
    assert MeanWithin(0.02).judge([0.001, -0.001, 0.002, 0.0, -0.002]).status == "holds"
    assert MeanWithin(0.02).judge([0.1, -0.1, 0.05, 0.0, -0.07]).status == "inconclusive"
    assert MeanWithin(0.02).judge([0.1, 0.11, 0.1, 0.12, 0.1]).status == "fails"
    assert MeanWithin(0.1, value=0.5).judge([0.5, 0.51, 0.49]).status == "holds"


@given(values, st.floats(-10, 10))
def test_thresholds_ask_every_seed(sample, threshold):
    assert (AtLeast(threshold).judge(sample).status == "holds") == all(v >= threshold for v in sample)
    assert (AtMost(threshold).judge(sample).status == "holds") == all(v <= threshold for v in sample)
    assert (Between(-5, threshold).judge(sample).status == "holds") == all(
        -5 <= v <= threshold for v in sample
    )


RULES = [AtLeast(-1), AtMost(2), Between(-1, 2), MeanAbove(), MeanWithin(2), Sooner()]


@pytest.mark.parametrize("rule", RULES)
def test_a_seed_without_a_number_fails_a_claim(rule):
    assert rule.judge([0.5, 0.6, math.nan]).status == "fails"
    with pytest.raises(ValueError, match="no value"):
        rule.judge([])


def test_never_is_a_number_of_steps():
    assert AtMost(100).judge([50, math.inf]).status == "fails"
    assert AtLeast(100).judge([150, math.inf]).status == "holds"


@given(values, st.floats(-10, 10))
def test_below_is_above_of_the_other_sign(sample, value):
    below, above = MeanBelow(value).judge(sample), MeanAbove(-value).judge([-v for v in sample])
    assert below.status == above.status
    assert (below.low, below.high) == pytest.approx(bounds(sample))


def test_a_factor_is_a_margin_of_the_logarithms():
    steps = [180.0, 200.0, 220.0, 190.0]
    assert WithinFactor(3, 185).judge(steps).status == "holds"
    assert WithinFactor(1.05, 185).judge(steps).status == "inconclusive"
    assert WithinFactor(3, 20).judge(steps).status == "fails"
    assert WithinFactor(3, 185).judge([180.0, math.inf]).status == "fails"
    verdict = WithinFactor(3, 185).judge(steps)
    low, high = bounds([math.log(step) for step in steps])
    assert (verdict.low, verdict.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_rules_say_what_they_are():
    assert str(AtLeast(0.99)) == "at least 0.99 in every seed"
    assert str(MeanWithin(0.02)) == "95 % bounds of the mean within 0.02 of zero"
    assert "95 %" in str(MeanAbove(0.1))
    assert "signed-rank" in str(Sooner())
