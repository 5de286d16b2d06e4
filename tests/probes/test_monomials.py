"""Correlations with monomials against brute force in float64."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.probes.monomials import (
    MonomialSums,
    accumulate,
    add_up,
    grouped_sets,
    monomial_sets,
    summarise,
    sums_of_batches,
)
from lit_curriculum.tasks.sparse_parity import SparseParity


def sampler(d: int, seed: int = 0):
    """Return a function (start, count) -> inputs, and the task behind it."""
    task = SparseParity.create(d, min(3, d - 1))
    return lambda start, count: task.sample_torch(seed, "probe", start, count)[0]


def smooth(x: torch.Tensor) -> torch.Tensor:
    """Return some probability that depends on products of coordinates."""
    return torch.sigmoid(x[:, 0] + 0.7 * x[:, 1] * x[:, 2] - 0.5 * x[:, 0] * x[:, 1] * x[:, -1])


def brute_force(predict, x: torch.Tensor, sets: list[tuple[int, ...]]) -> list[float]:
    p = predict(x).double()
    return [(p * x[:, list(s)].double().prod(dim=1)).sum().item() for s in sets]


@given(
    d=st.integers(3, 9),
    start=st.integers(0, 1000),
    count=st.integers(1, 300),
    batch=st.sampled_from([1, 7, 64, 8192]),
)
def test_sums_equal_brute_force_at_every_degree(d, start, count, batch):
    sets = {degree: monomial_sets(d, (0, 2), degree) for degree in (1, 2, 3)}
    draw = sampler(d)
    total = accumulate(smooth, draw, sets, start, count, batch)
    assert total.count == count
    x = draw(start, count)
    for degree, of_degree in sets.items():
        assert total.sums[degree].dtype == torch.float64
        expected = brute_force(smooth, x, of_degree)
        assert total.sums[degree].tolist() == pytest.approx(expected, abs=1e-3, rel=1e-4)


def test_third_degree_with_more_prefixes_than_are_held_at_once():
    d = 26  # 300 prefixes of two coordinates, more than one batch of 256
    sets = {3: monomial_sets(d, (4, 9, 25, 20), 3)}
    draw = sampler(d)
    total = accumulate(smooth, draw, sets, 0, 64)
    assert len(sets[3]) == math.comb(26, 3)
    assert total.sums[3].tolist() == pytest.approx(brute_force(smooth, draw(0, 64), sets[3]), abs=1e-3)


def test_shares_of_the_samples_add_up_to_the_whole():
    sets = {degree: monomial_sets(6, (0, 1), degree) for degree in (1, 2, 3)}
    whole = accumulate(smooth, sampler(6), sets, 10, 100, batch=16)
    parts = [accumulate(smooth, sampler(6), sets, start, 50, batch=16) for start in (10, 60)]
    for degree in sets:
        added = parts[0].sums[degree] + parts[1].sums[degree]
        assert added.tolist() == pytest.approx(whole.sums[degree].tolist(), abs=1e-4)


@pytest.mark.parametrize("world", [2, 3, 4, 9])
def test_batches_taken_in_turns_give_the_same_bits_as_one_after_the_other(world):
    """Seven batches, the last one ragged; with nine to share them two get none."""
    sets = {degree: monomial_sets(6, (0, 1), degree) for degree in (1, 2, 3)}
    whole = accumulate(smooth, sampler(6), sets, 10, 100, batch=16)
    shares = [
        sums_of_batches(smooth, sampler(6), sets, 10, 100, batch=16, rank=rank, world=world)
        for rank in range(world)
    ]
    assert sum(map(len, shares)) == 7
    found = add_up(shares, 100)
    assert found.count == 100
    for degree in sets:
        assert torch.equal(found.sums[degree], whole.sums[degree])


def test_a_prediction_that_is_a_monomial_is_found_and_nothing_else():
    support = (1, 3, 4)

    def predict(x: torch.Tensor) -> torch.Tensor:
        return 0.5 + 0.25 * x[:, 1] * x[:, 3]

    # All 64 inputs once: correlations are exact.
    every = torch.tensor([[1.0 if i >> b & 1 else -1.0 for b in range(6)] for i in range(64)])
    sets = {degree: grouped_sets(6, {"in": support}, degree) for degree in (1, 2, 3)}
    flat = {degree: [s for group in groups.values() for s in group] for degree, groups in sets.items()}
    total = accumulate(predict, lambda start, count: every[start : start + count], flat, 0, 64)
    one, two, three = summarise(total, sets)
    assert one.groups["in"].tolist() == pytest.approx([0, 0, 0], abs=1e-7)
    assert two.groups["in"].tolist() == pytest.approx([0.25, 0, 0], abs=1e-7)  # (1,3), (1,4), (3,4)
    assert two.groups["off"].abs().max().item() < 1e-7
    assert three.groups["in"].tolist() == pytest.approx([0], abs=1e-7)
    assert three.groups["off"].abs().max().item() < 1e-7


def test_a_negative_correlation_counts_by_its_size():
    sets = {1: {"in": [(0,)], "off": [(1,)]}}
    (only,) = summarise(MonomialSums(10, {1: torch.tensor([-3.0, 2.0])}), sets)
    assert only.degree == 1
    assert only.groups["in"].tolist() == pytest.approx([0.3])
    assert only.groups["off"].tolist() == pytest.approx([0.2])


def test_noise_is_the_standard_error_of_one_estimate():
    # A prediction of 0 or 1, each half of the time, has E[p^2] = 1/2; measured over many repetitions.
    def predict(x: torch.Tensor) -> torch.Tensor:
        return (x[:, 0] > 0).float()

    sets = {1: [(1,)]}
    estimates = []
    draw = sampler(4)
    for repetition in range(400):
        total = accumulate(predict, draw, sets, 100 * repetition, 100)
        estimates.append(total.sums[1].item() / 100)
    measured = math.sqrt(sum(e * e for e in estimates) / len(estimates))
    (summary,) = summarise(total, {1: {"off": sets[1]}})
    assert summary.noise == pytest.approx(math.sqrt(0.5 / 100))
    assert measured == pytest.approx(summary.noise, rel=0.15)


def test_several_classes_are_measured_as_each_alone():
    sets = {degree: monomial_sets(6, (0, 2), degree) for degree in (1, 2, 3)}
    draw = sampler(6)
    both = accumulate(lambda x: torch.stack([smooth(x), 1 - smooth(x)], 1), draw, sets, 3, 90, batch=32)
    for k, predict in enumerate((smooth, lambda x: 1 - smooth(x))):
        alone = accumulate(predict, draw, sets, 3, 90, batch=32)
        for degree in sets:
            assert both.sums[degree][k].tolist() == pytest.approx(alone.sums[degree].tolist(), abs=1e-6)


@given(degree=st.integers(1, 3), data=st.data())
def test_groups_hold_their_own_monomials_and_off_those_with_a_variable_in_none(degree, data):
    d = data.draw(st.integers(4, 9))
    order = data.draw(st.permutations(range(d)))
    a, b = data.draw(st.integers(1, d // 2)), data.draw(st.integers(1, d // 2 - 1))
    groups = {"a": tuple(order[:a]), "b": tuple(order[a : a + b])}
    sets = grouped_sets(d, groups, degree)
    assert list(sets) == ["a", "b", "off"]
    for name, group in groups.items():
        assert sorted(sets[name]) == sorted(combinations(sorted(group), degree))
    within = set(order[: a + b])
    assert sets["off"] == [s for s in combinations(range(d), degree) if not within.issuperset(s)]


@pytest.mark.parametrize("n_classes", [2, 8])
def test_noise_knows_how_rare_a_class_is(n_classes):
    (summary,) = summarise(MonomialSums(100, {1: torch.zeros(1)}), {1: {"off": [(0,)]}}, n_classes)
    assert summary.noise == pytest.approx(math.sqrt(1 / n_classes / 100))


@given(d=st.integers(3, 10), degree=st.integers(1, 3), data=st.data())
def test_sets_are_all_monomials_once_with_the_support_first(d, degree, data):
    support = tuple(data.draw(st.lists(st.integers(0, d - 1), min_size=1, max_size=d - 1, unique=True)))
    sets = monomial_sets(d, support, degree)
    assert sorted(sets) == sorted(combinations(range(d), degree))
    n_inside = math.comb(len(support), degree)
    assert all(set(s) <= set(support) for s in sets[:n_inside])
    assert not any(set(s) <= set(support) for s in sets[n_inside:])


@given(most=st.integers(1, 200))
def test_thinned_sets_keep_the_support_and_the_asked_number_of_others(most):
    sets = monomial_sets(12, (0, 5, 7), 3, max_off_support=most)
    assert sets[0] == (0, 5, 7)
    others = sets[1:]
    assert len(others) == min(most, math.comb(12, 3) - 1)
    assert others == sorted(set(others))
    assert (0, 5, 7) not in others


def test_thinned_sets_reach_over_the_whole_range():
    others = monomial_sets(30, (0, 1), 2, max_off_support=50)[1:]
    assert others[0][0] == 0
    assert others[-1][0] > 20


@pytest.mark.parametrize("degree", [0, 4, -1])
def test_degree_out_of_range_is_refused(degree):
    with pytest.raises(UsageError) as caught:
        monomial_sets(5, (0, 1), degree)
    assert str(caught.value) == f"degrees: got {degree}; allowed: 1, 2, 3"
