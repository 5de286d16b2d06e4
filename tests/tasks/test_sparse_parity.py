"""Sparse parity: samples by counter, labels by definition, supports that are what was asked for."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream
from lit_curriculum.tasks.sparse_parity import SparseParity
from tests.tasks.philox import philox_4x32

STREAMS = get_args(Stream)


@st.composite
def tasks(draw):
    """Any small task with any support, in any order."""
    d = draw(st.integers(2, 140))
    support = draw(st.lists(st.integers(0, d - 1), min_size=1, max_size=min(6, d - 1), unique=True))
    return SparseParity.create(d, len(support), support)


def by_definition(task: SparseParity, seed: int, stream: str, index: int) -> tuple[list[float], int]:
    """Return one sample from plain integers: bit i of the words in order, a set bit is +1."""
    bits: list[int] = []
    for block in range(-(-task.d // 128)):
        counter = (index & 0xFFFFFFFF, index >> 32, block, STREAMS.index(stream))
        for word in philox_4x32(counter, (seed & 0xFFFFFFFF, seed >> 32)):
            bits += [word >> i & 1 for i in range(32)]
    x = [1.0 if bit else -1.0 for bit in bits[: task.d]]
    product = 1.0
    for i in task.support:
        product *= x[i]
    return x, 0 if product > 0 else 1


@given(
    task=tasks(),
    seed=st.integers(0, 2**64 - 1),
    stream=st.sampled_from(STREAMS),
    start=st.integers(0, 2**63 - 100),
)
def test_samples_are_those_of_the_definition(task, seed, stream, start):
    x, y = task.sample(seed, stream, start, 2)
    for row in range(2):
        expected_x, expected_y = by_definition(task, seed, stream, start + row)
        assert x[row].tolist() == expected_x
        assert y[row] == expected_y


@given(
    task=tasks(),
    seed=st.integers(0, 2**64 - 1),
    stream=st.sampled_from(STREAMS),
    start=st.integers(0, 2**63 - 100),
    count=st.integers(1, 4),
)
def test_torch_draws_the_same_samples(task, seed, stream, start, count):
    x, y = task.sample(seed, stream, start, count)
    torch_x, torch_y = task.sample_torch(seed, stream, start, count)
    assert torch_x.dtype == torch.float32
    assert torch_y.dtype == torch.int64
    np.testing.assert_array_equal(torch_x.numpy(), x)
    np.testing.assert_array_equal(torch_y.numpy(), y)


@given(task=tasks(), start=st.integers(0, 10**12), cut=st.integers(0, 12))
def test_a_batch_is_the_same_in_one_piece_or_two(task, start, cut):
    whole_x, whole_y = task.sample(5, "train", start, 12)
    parts = [task.sample(5, "train", start, cut), task.sample(5, "train", start + cut, 12 - cut)]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in parts]), whole_x)
    np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), whole_y)


# Two samples of seed 0 a stream, d = 10, support 0, 1, 2. See GENERATOR_VERSION before changing one.
GOLDEN = {
    "train": (["+-+-+-++--", "--+--+-+--"], [1, 0]),
    "val": (["+-+--+++++", "++---+++++"], [1, 1]),
    "test": (["--+-+---+-", "--++---+-+"], [0, 0]),
    "probe": (["--+++++++-", "-+--++----"], [0, 0]),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_golden_first_samples(stream):
    assert GENERATOR_VERSION == 1
    x, y = SparseParity.create(10, 3).sample(0, stream, 0, 2)
    signs = ["".join("+" if value > 0 else "-" for value in row) for row in x]
    assert (signs, y.tolist()) == GOLDEN[stream]


def test_streams_share_no_sample():
    task = SparseParity.create(64, 3)
    rows = np.concatenate([task.sample(0, stream, 0, 500)[0] for stream in STREAMS])
    assert len(np.unique(rows, axis=0)) == 4 * 500


def test_inputs_are_signs_of_the_documented_types():
    x, y = SparseParity.create(33, 2).sample(1, "train", 0, 100)
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    assert set(np.unique(x)) == {-1.0, 1.0}
    assert set(np.unique(y)) == {0, 1}


def test_label_is_class_one_exactly_for_a_positive_product():
    task = SparseParity.create(3, 2, [0, 2])
    x = torch.tensor([[1.0, -1, 1], [1, 1, -1], [-1, 1, 1], [-1, -1, -1]])
    assert task.labels(x).tolist() == [0, 1, 1, 0]


def test_inputs_off_the_support_do_not_change_the_label():
    task = SparseParity.create(8, 3, [1, 4, 6])
    x, y = task.sample_torch(2, "val", 0, 200)
    flipped = x.clone()
    flipped[:, [0, 2, 3, 5, 7]] *= -1
    assert torch.equal(task.labels(flipped), y)
    flipped[:, 4] *= -1
    assert torch.equal(task.labels(flipped), 1 - y)


def test_inputs_are_uniform_and_labels_balanced():
    x, y = SparseParity.create(20, 4).sample(3, "train", 0, 40_000)
    # Standard deviation of a mean of 40,000 signs: 0.005.
    assert np.abs(x.mean(axis=0)).max() < 5 * 0.005
    assert abs(y.mean() - 0.5) < 5 * 0.0025
    correlations = x.T @ x / len(x) - np.eye(20)
    assert np.abs(correlations).max() < 6 * 0.005


def test_support_is_the_first_k_by_default():
    assert SparseParity.create(10, 3).support == (0, 1, 2)


def test_support_is_sorted_whatever_the_order_given():
    task = SparseParity.create(10, 3, [7, 0, 4])
    assert task.support == (0, 4, 7)
    assert task.k == 3


@given(d=st.integers(2, 60), seed=st.integers(0, 2**64 - 1), data=st.data())
def test_drawn_support_is_k_coordinates_of_the_input(d, seed, data):
    k = data.draw(st.integers(1, d - 1))
    task = SparseParity.create(d, k, support_seed=seed)
    assert task.k == k
    assert len(set(task.support)) == k
    assert set(task.support) <= set(range(d))
    assert task == SparseParity.create(d, k, support_seed=seed)


def test_drawn_supports_differ_between_seeds():
    assert len({SparseParity.create(50, 4, support_seed=seed).support for seed in range(50)}) > 45


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"d": 1, "k": 1}, "d: got 1; allowed: an integer of at least 2"),
        ({"d": 10, "k": 0}, "k: got 0; allowed: 1 <= k < d, here d = 10"),
        ({"d": 10, "k": 10}, "k: got 10; allowed: 1 <= k < d, here d = 10"),
        ({"d": 10, "k": 11}, "k: got 11; allowed: 1 <= k < d, here d = 10"),
        (
            {"d": 10, "k": 2, "support": [1, 2, 3]},
            "support: got [1, 2, 3]; allowed: k = 2 coordinates, here 3",
        ),
        ({"d": 10, "k": 2, "support": []}, "support: got []; allowed: k = 2 coordinates, here 0"),
        (
            {"d": 10, "k": 3, "support": [4, 1, 4]},
            "support: got [4, 1, 4]; allowed: distinct coordinates, here one is repeated",
        ),
        (
            {"d": 10, "k": 2, "support": [1, 10]},
            "support: got [1, 10]; allowed: coordinates from 0 to d - 1 = 9",
        ),
        (
            {"d": 10, "k": 2, "support": [-1, 3]},
            "support: got [-1, 3]; allowed: coordinates from 0 to d - 1 = 9",
        ),
        (
            {"d": 10, "k": 2, "support": [0, 1], "support_seed": 1},
            "support, support_seed: both given; allowed: one of the two",
        ),
        (
            {"d": 10, "k": 2, "support_seed": -1},
            "support_seed: got -1; allowed: an integer from 0 to 2**64 - 1",
        ),
    ],
)
def test_wrong_arguments_are_named_in_one_line(arguments, message):
    with pytest.raises(UsageError) as caught:
        SparseParity.create(**arguments)
    assert str(caught.value) == message
    assert "\n" not in message


def test_description_says_all_that_identifies_the_task():
    assert SparseParity.create(9, 2, [5, 3]).describe() == {
        "task": "sparse_parity",
        "d": 9,
        "support": [3, 5],
        "generator_version": 1,
    }


def test_fingerprint_is_equal_exactly_for_equal_tasks():
    fingerprint = SparseParity.create(10, 3).fingerprint()
    assert fingerprint == "f174d37329e1bf64b5afff52ed7739936b32190ba29937567f010f750547669a"
    assert SparseParity.create(10, 3, [2, 1, 0]).fingerprint() == fingerprint
    assert SparseParity.create(11, 3).fingerprint() != fingerprint
    assert SparseParity.create(10, 3, [0, 1, 3]).fingerprint() != fingerprint
