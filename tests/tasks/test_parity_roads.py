"""Parity roads: labels and sequences against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.parity_roads import ParityRoads


@given(n=st.integers(4, 12), seed=st.integers(0, 2**32), data=st.data())
def test_labels_sums_and_sequences_are_what_they_say(n: int, seed: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(2, n - 1))
    task = ParityRoads.create(n, k, support_seed=seed)
    rng = np.random.default_rng(seed)
    x, is_sum = rng.integers(0, 2, (6, n)), rng.integers(0, 2, 6).astype(bool)
    labels, sums = task.labels(x), task.sums(x)
    for written in (False, True):
        rows = task.sequences(x, is_sum, written)
        assert rows.shape == (6, task.length)
        assert rows.max() < task.vocabulary_size
        for row, bits, asks, known in zip(rows.tolist(), x.tolist(), is_sum, labels.tolist(), strict=True):
            counted = [bits[place] for place in task.support]
            assert known == [sum(counted[: j + 1]) % 2 for j in range(1, k)]
            assert row[:n] == bits
            assert row[n] == k + 1 + asks
            assert row[n + 1 :] == (known[:-1] if written else [k + 3] * (k - 2))
    assert sums.tolist() == [sum(row[place] for place in task.support) for row in x.tolist()]


def test_the_description_says_the_function_alone() -> None:
    assert ParityRoads.create(8, 3).describe() == {
        "task": "parity_roads",
        "n": 8,
        "support": [0, 1, 2],
        "generator_version": 1,
    }


@pytest.mark.parametrize(("n", "k"), [(8, 1), (8, 8), (8, 0)])
def test_a_support_out_of_range_is_refused(n: int, k: int) -> None:
    with pytest.raises(UsageError, match=f"k: got {k}; allowed: "):
        ParityRoads.create(n, k)
