"""Hierarchical parity: samples by counter, labels by a walk down the tree."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream
from lit_curriculum.tasks.hierarchical_parity import HierarchicalParity
from lit_curriculum.tasks.sparse_parity import SparseParity

STREAMS = get_args(Stream)


@st.composite
def tasks(draw):
    """Any small tree, sizes by level, with and without variables to spare."""
    depth = draw(st.integers(1, 4))
    sizes = draw(st.lists(st.integers(1, 5), min_size=depth, max_size=depth))
    used = sum(size * 2**level for level, size in enumerate(sizes))
    return HierarchicalParity.create(used + draw(st.integers(0, 60)), depth, sizes)


def walk(x: list[float], sizes: list[int], level: int = 0, place: int = 0, leaf: int = 0) -> int:
    """Return the class by recursion: a node's variables follow those of the nodes before it."""
    if level == len(sizes):
        return leaf
    before = sum(size * 2**above for above, size in enumerate(sizes[:level]))
    first = before + place * sizes[level]
    negative = sum(value < 0 for value in x[first : first + sizes[level]])
    child = 0 if negative % 2 else 1
    return walk(x, sizes, level + 1, 2 * place + child, 2 * leaf + child)


@given(task=tasks(), seed=st.integers(0, 2**64 - 1), stream=st.sampled_from(STREAMS))
def test_labels_are_those_of_a_recursive_walk(task, seed, stream):
    sizes = [len(task.nodes[2**level - 1]) for level in range(task.depth)]
    x, y = task.sample(seed, stream, 0, 20)
    assert y.tolist() == [walk(row.tolist(), sizes) for row in x]


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
    assert (torch_x.dtype, torch_y.dtype) == (torch.float32, torch.int64)
    np.testing.assert_array_equal(torch_x.numpy(), x)
    np.testing.assert_array_equal(torch_y.numpy(), y)


@given(task=tasks(), seed=st.integers(0, 2**32), start=st.integers(0, 10**12))
def test_inputs_are_those_of_sparse_parity(task, seed, start):
    expected = SparseParity.create(max(task.d, 2), 1).sample(seed, "train", start, 3)[0]
    np.testing.assert_array_equal(task.sample(seed, "train", start, 3)[0], expected[:, : task.d])


def test_depth_one_is_sparse_parity_with_the_classes_the_other_way_round():
    tree, parity = HierarchicalParity.create(9, 1, 3), SparseParity.create(9, 3)
    np.testing.assert_array_equal(tree.sample(4, "val", 0, 50)[1], 1 - parity.sample(4, "val", 0, 50)[1])


def test_the_default_is_the_published_tree():
    task = HierarchicalParity.create(100)
    assert (task.depth, task.n_classes, len(task.nodes)) == (3, 8, 7)
    # Figure 17: the features of the leftmost class are x1..x5, x6..x10, x16..x20, counted from 1.
    assert [task.nodes[i] for i in task.path(0)] == [
        (0, 1, 2, 3, 4),
        (5, 6, 7, 8, 9),
        (15, 16, 17, 18, 19),
    ]
    assert task.support == tuple(range(35))


def test_left_is_minus_one_and_right_is_plus_one():
    task = HierarchicalParity.create(3, 2, 1)
    # Root x1, left child x2, right child x3.
    x = torch.tensor([[-1.0, -1, 1], [-1, 1, -1], [1, 1, -1], [1, -1, 1]])
    assert task.labels(x).tolist() == [0, 1, 2, 3]


@given(task=tasks())
def test_paths_lead_from_the_root_to_every_leaf(task):
    paths = [task.path(label) for label in range(task.n_classes)]
    assert len(set(paths)) == task.n_classes // 2  # two leaves a last node
    for label, path in enumerate(paths):
        assert [task.level(node) for node in path] == list(range(1, task.depth + 1))
        x = torch.ones(1, task.d)
        for level, node in enumerate(path):
            x[0, task.nodes[node][0]] = 1.0 if label >> (task.depth - 1 - level) & 1 else -1.0
        assert task.labels(x).tolist() == [label]


def test_variables_off_the_path_do_not_change_the_label():
    task = HierarchicalParity.create(20, 2, 3)
    x, y = task.sample_torch(2, "val", 0, 300)
    for label in range(4):
        rows = x[y == label].clone()
        on_path = {i for node in task.path(label) for i in task.nodes[node]}
        rows[:, [i for i in range(20) if i not in on_path]] *= -1
        assert set(task.labels(rows).tolist()) == {label}


def test_classes_are_balanced():
    _, y = HierarchicalParity.create(40).sample(3, "train", 0, 40_000)
    # Standard deviation of a share of 1/8 among 40,000: 0.0017.
    assert np.abs(np.bincount(y, minlength=8) / len(y) - 1 / 8).max() < 5 * 0.0017


def test_level_probabilities_add_up_the_leaves_below():
    task = HierarchicalParity.create(7, 3, 1)
    p = torch.arange(8.0)[None]
    assert task.level_probabilities(p, 1).tolist() == [[6.0, 22.0]]
    assert task.level_probabilities(p, 2).tolist() == [[1.0, 5.0, 9.0, 13.0]]
    assert task.level_probabilities(p, 3).tolist() == p.tolist()


# Two samples of seed 0 a stream, d = 10, depth 2, three variables a node. See GENERATOR_VERSION.
GOLDEN = {
    "train": (["+-+-+-++--", "--+--+-+--"], [1, 3]),
    "val": (["+-+--+++++", "++---+++++"], [1, 1]),
    "test": (["--+-+---+-", "--++---+-+"], [3, 3]),
    "probe": (["--+++++++-", "-+--++----"], [3, 2]),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_golden_first_samples(stream):
    assert GENERATOR_VERSION == 1
    x, y = HierarchicalParity.create(10, 2, 3).sample(0, stream, 0, 2)
    signs = ["".join("+" if value > 0 else "-" for value in row) for row in x]
    assert (signs, y.tolist()) == GOLDEN[stream]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"d": 34}, "d: got 34; allowed: at least 35, the variables of all nodes"),
        ({"d": 10, "depth": 0}, "depth: got 0; allowed: an integer from 1 to 16"),
        ({"d": 10, "depth": 17}, "depth: got 17; allowed: an integer from 1 to 16"),
        (
            {"d": 10, "depth": 2, "node_size": 0},
            "node_size: got 0; allowed: an integer of at least 1, or one for each of 2 levels",
        ),
        (
            {"d": 10, "depth": 2, "node_size": [1, 2, 3]},
            "node_size: got [1, 2, 3]; allowed: an integer of at least 1, or one for each of 2 levels",
        ),
    ],
)
def test_wrong_arguments_are_named_in_one_line(arguments, message):
    with pytest.raises(UsageError) as caught:
        HierarchicalParity.create(**arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("label", [-1, 8])
def test_a_class_that_the_tree_has_not_is_refused(label):
    with pytest.raises(UsageError) as caught:
        HierarchicalParity.create(35).path(label)
    assert str(caught.value) == f"label: got {label}; allowed: 0 to 7"


def test_description_and_fingerprint_identify_the_task():
    task = HierarchicalParity.create(8, 2, [2, 1])
    assert task.describe() == {
        "task": "hierarchical_parity",
        "d": 8,
        "nodes": [[0, 1], [2], [3]],
        "generator_version": 1,
    }
    assert task.fingerprint() == HierarchicalParity.create(8, 2, [2, 1]).fingerprint()
    assert task.fingerprint() != HierarchicalParity.create(9, 2, [2, 1]).fingerprint()
    assert task.fingerprint() != HierarchicalParity.create(8, 2, 2).fingerprint()
