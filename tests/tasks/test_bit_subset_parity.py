"""Bit-subset parity: equations 13 to 15 written out, in the paper's own indices and signs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.bit_subset_parity import BitSubsetParity

SEEDS = st.integers(0, 2**64 - 1)
PAPER_SEEDS = (27, 67, 93)


def equation_14(x: list[int], subset: tuple[int, ...], printed: bool = False) -> dict[int, int]:
    """Return y_t in {+-1} by its 1-based place t; inner nodes as the product that is meant, or as printed."""
    d = len(x)
    i = {j + 1: place + 1 for j, place in enumerate(subset)}
    bit = {place + 1: value for place, value in enumerate(x)}
    y: dict[int, int] = {}
    for t in range(d, 3 * d // 2 - 2 + 1):
        if 4 * t < 5 * d:
            y[t] = (-1) ** (bit[i[2 * (t - d) + 1]] + bit[i[2 * (t - d) + 2]])
        else:
            a, b = y[2 * (t - 5 * d // 4) + d], y[2 * (t - 5 * d // 4) + d + 1]
            y[t] = (-1) ** (a + b) if printed else a * b
    return y


@given(d=st.sampled_from([4, 8, 16, 32, 128]), seed=SEEDS, order=st.sampled_from(["index", "random"]))
def test_labels_are_those_of_equations_14_and_15(d, seed, order):
    task = BitSubsetParity.create(d, seed, pair_order=order)
    x = np.random.default_rng(seed).integers(0, 2, (5, d))
    labels = task.labels(x)
    T = 3 * d // 2 - 2  # equation 13
    assert labels.shape == (5, T - d + 1)
    for string, tokens in zip(x.tolist(), labels.tolist(), strict=True):
        y = equation_14(string, task.subset)
        assert tokens == [(1 + y[t]) // 2 for t in range(d, T + 1)]
        assert y[T] == (-1) ** sum(string[i] for i in task.subset)


def test_equation_14_as_printed_knows_no_odd_parity():
    """Errata: with y in {+-1} the sum of two labels is even, so every inner node would be +1."""
    subset = (0, 2, 5, 7)
    for x in itertools.product((0, 1), repeat=8):
        assert equation_14(list(x), subset, printed=True)[10] == 1
    meant = {equation_14(list(x), subset)[10] for x in itertools.product((0, 1), repeat=8)}
    assert meant == {-1, 1}


def test_the_mean_of_equation_4_has_a_term_more_than_it_divides_by():
    """Errata: t runs from d to T, which are T - d + 1 labels; without sub-tasks T - d is 0."""
    for d in (8, 128):
        T = 3 * d // 2 - 2
        assert BitSubsetParity.create(d, 27).n_labels == len(range(d, T + 1)) == T - d + 1
        assert BitSubsetParity.create(d, 27, subtask_labels=False).n_labels == len(range(d, d + 1)) == 1


@given(d=st.sampled_from([8, 64]), seed=SEEDS)
def test_the_answer_is_the_same_with_and_without_labels_and_in_any_order(d, seed):
    x = np.random.default_rng(seed).integers(0, 2, (20, d))
    tasks = [BitSubsetParity.create(d, seed, *a) for a in ((True, "index"), (True, "random"), (False,))]
    assert sorted(tasks[0].subset) == list(tasks[0].subset)
    assert set(tasks[0].subset) == set(tasks[1].subset) == set(tasks[2].subset)
    assert len(set(tasks[0].subset)) == d // 2
    answers = [task.labels(x)[:, -1] for task in tasks]
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


def test_a_random_order_pairs_other_bits():
    orders = [BitSubsetParity.create(32, seed, pair_order="random").subset for seed in PAPER_SEEDS]
    assert all(list(order) != sorted(order) for order in orders)


def test_every_subset_is_as_likely():
    """Each of 8 bits is in half of the subsets of 2,000 seeds, give or take sqrt(500)."""
    counts = np.zeros(8)
    for seed in range(2000):
        counts[list(BitSubsetParity.create(8, seed).subset)] += 1
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(500)


def test_golden_subsets_of_the_papers_seeds():
    subsets = [BitSubsetParity.create(8, seed).subset for seed in PAPER_SEEDS]
    assert subsets == [(3, 4, 5, 7), (0, 2, 6, 7), (2, 5, 6, 7)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((9, 0), "d: got 9; allowed: an even integer from 4 to 128"),
        ((2, 0), "d: got 2; allowed: an even integer from 4 to 128"),
        ((256, 0), "d: got 256; allowed: an even integer from 4 to 128"),
        (
            (12, 0),
            "d: got 12; allowed: with subtask_labels, twice a power of two: 4, 8, 16, 32, 64 or 128",
        ),
        ((8, -1), "seed: got -1; allowed: an integer from 0 to 2**64 - 1"),
        ((8, 0, True, "any"), "pair_order: got 'any'; allowed: index, random"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(arguments, message):
    with pytest.raises(UsageError) as caught:
        BitSubsetParity.create(*arguments)
    assert str(caught.value) == message


def test_without_labels_any_even_d_will_do():
    assert len(BitSubsetParity.create(18, 27, subtask_labels=False).subset) == 9


def test_description_identifies_the_task():
    first = BitSubsetParity.create(16, 27)
    assert first.describe()["subset"] == list(first.subset)
    others = [BitSubsetParity.create(16, 67), BitSubsetParity.create(16, 27, subtask_labels=False)]
    assert all(first.fingerprint() != other.fingerprint() for other in others)


@given(d=st.sampled_from([8, 16, 32, 128]), seed=SEEDS)
def test_the_control_labels_the_tree_of_the_other_bits_and_keeps_the_answer(d, seed):
    own, control = (BitSubsetParity.create(d, seed, tree_of=tree) for tree in ("subset", "others"))
    assert control.subset == own.subset
    assert sorted(control.subset + control.tree) == list(range(d))
    x = np.random.default_rng(seed).integers(0, 2, (5, d))
    labels = control.labels(x)
    assert labels.shape == own.labels(x).shape
    np.testing.assert_array_equal(labels[:, -1], own.labels(x)[:, -1])
    for string, tokens in zip(x.tolist(), labels.tolist(), strict=True):
        y = equation_14(string, control.tree)
        assert tokens[:-1] == [(1 + y[t]) // 2 for t in range(d, 3 * d // 2 - 2)]


def test_the_control_is_another_task_and_a_wrong_name_is_refused():
    own, control = (BitSubsetParity.create(8, 3, tree_of=tree) for tree in ("subset", "others"))
    assert "tree" not in own.describe()
    assert control.describe() == {**own.describe(), "tree": list(control.tree)}
    with pytest.raises(UsageError, match="tree_of: got 'mine'; allowed: subset, others"):
        BitSubsetParity.create(8, 3, tree_of="mine")


@pytest.mark.parametrize(("d", "labelled"), [(4, True), (16, False)])
def test_a_control_that_would_change_nothing_is_refused(d, labelled):
    with pytest.raises(UsageError, match="tree_of: got 'others'; allowed: subset, where no inner node"):
        BitSubsetParity.create(d, 3, subtask_labels=labelled, tree_of="others")
