"""Parity mixtures: points, tasks, sums and parities."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.parity_mixture import ParityMixture
from lit_curriculum.tasks.sparse_parity import SparseParity

STREAMS = get_args(Stream)


@st.composite
def mixtures(draw):
    n = draw(st.integers(2, 70))
    k = draw(st.integers(1, n - 1))
    return ParityMixture.create(n, draw(st.floats(0, 1)), k, support_seed=draw(st.integers(0, 9)))


@given(
    task=mixtures(),
    seed=st.integers(0, 2**64 - 1),
    stream=st.sampled_from(STREAMS),
    start=st.integers(0, 2**60),
)
def test_points_and_parities_are_those_of_sparse_parity(task, seed, stream, start):
    x, _ = task.sample(seed, stream, start, 6)
    expected, classes = SparseParity(task.n, task.support).sample(seed, stream, start, 6)
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(task.parities(x), 1 - 2 * classes)


@given(task=mixtures(), seed=st.integers(0, 2**32))
def test_labels_are_counts_of_the_support(task, seed):
    x, _ = task.sample(seed, "train", 0, 8)
    for row, total, parity in zip(x.tolist(), task.sums(x), task.parities(x), strict=True):
        negative = sum(row[i] < 0 for i in task.support)
        assert total == task.k - 2 * negative
        assert parity == (-1) ** negative


@given(task=mixtures(), seed=st.integers(0, 2**32))
def test_tokens_say_the_task_and_then_the_bits(task, seed):
    x, is_sum = task.sample(seed, "val", 3, 8)
    tokens = task.tokens(x, is_sum)
    assert tokens.shape == (8, 2 * task.n)
    for row, point, asks_sum in zip(tokens.tolist(), x.tolist(), is_sum, strict=True):
        assert row[: task.n] == [int(asks_sum), int(not asks_sum)] + [0] * (task.n - 2)
        assert row[task.n :] == [int(value > 0) for value in point]


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_the_share_of_sum_samples_is_p(p):
    _, is_sum = ParityMixture.create(6, p).sample(1, "train", 0, 40_000)
    assert abs(is_sum.mean() - p) <= 5 * math.sqrt(p * (1 - p) / 40_000)


def test_mixtures_of_other_p_see_the_same_points_and_a_sum_sample_stays_one():
    few, many = (ParityMixture.create(9, p).sample(4, "train", 0, 500) for p in (0.2, 0.6))
    np.testing.assert_array_equal(few[0], many[0])
    assert (many[1] >= few[1]).all()
    assert many[1].sum() > few[1].sum() > 0


def test_the_tasks_choice_does_not_depend_on_the_point():
    x, is_sum = ParityMixture.create(8, 0.5).sample(0, "train", 0, 40_000)
    # Standard deviation of a correlation of independent signs among 40,000: 0.005.
    assert np.abs(((2 * is_sum - 1)[:, None] * x).mean(axis=0)).max() < 5 * 0.005


def test_the_defaults_are_the_papers():
    task = ParityMixture.create(50, 0.1)
    assert (task.k, task.support) == (25, tuple(range(25)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1, "p": 0.5}, "n: got 1; allowed: an integer of at least 2"),
        ({"n": 4, "p": -0.1}, "p: got -0.1; allowed: a probability from 0 to 1"),
        ({"n": 4, "p": 1.1}, "p: got 1.1; allowed: a probability from 0 to 1"),
        ({"n": 4, "p": 0.5, "k": 4}, "k: got 4; allowed: 1 <= k < n, here n = 4"),
        ({"n": 4, "p": 0.5, "k": 0}, "k: got 0; allowed: 1 <= k < n, here n = 4"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(arguments, message):
    with pytest.raises(UsageError) as caught:
        ParityMixture.create(**arguments)
    assert str(caught.value) == message


def test_description_identifies_the_task():
    task = ParityMixture.create(8, 0.25)
    assert task.describe() == {
        "task": "parity_mixture",
        "n": 8,
        "support": [0, 1, 2, 3],
        "p": 0.25,
        "generator_version": 1,
    }
    assert task.fingerprint() != ParityMixture.create(8, 0.5).fingerprint()


@given(n=st.integers(2, 70), seed=st.integers(0, 2**32))
def test_the_control_sums_bits_that_parity_does_not_read(n, seed):
    own, control = (
        ParityMixture.create(n, 0.3, support_seed=seed, sum_of=of) for of in ("support", "others")
    )
    assert control.support == own.support
    assert len(set(control.sum_support) - set(control.support)) == control.k
    x, is_sum = own.sample(seed, "train", 0, 6)
    np.testing.assert_array_equal(control.sample(seed, "train", 0, 6)[1], is_sum)
    np.testing.assert_array_equal(control.parities(x), own.parities(x))
    for row, total in zip(x.tolist(), control.sums(x), strict=True):
        assert total == sum(row[i] for i in control.sum_support)


def test_the_control_is_another_task_and_needs_room():
    own, control = (ParityMixture.create(6, 0.3, sum_of=of) for of in ("support", "others"))
    assert "sum_support" not in own.describe()
    assert control.describe() == {**own.describe(), "sum_support": [3, 4, 5]}
    with pytest.raises(UsageError, match="k: got 4; allowed: at most n / 2 with sum_of: others, here n = 6"):
        ParityMixture.create(6, 0.3, 4, sum_of="others")
    with pytest.raises(UsageError, match="sum_of: got 'mine'; allowed: support, others"):
        ParityMixture.create(6, 0.3, sum_of="mine")
