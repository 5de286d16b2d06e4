"""Lemma 13: parities over half of the bits are orthogonal; there are C(d, d / 2)."""

from __future__ import annotations

import numpy as np
import pytest

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.bit_subset_parity import BitSubsetParity
from lit_curriculum.theory import uncorrelated


@pytest.mark.parametrize("d", [2, 4, 6, 8])
def test_any_two_are_orthogonal(d: int) -> None:
    values = uncorrelated.parities(d)
    assert values.shape == (uncorrelated.hypotheses(d), 2**d)
    np.testing.assert_array_equal(values @ values.T / 2**d, np.eye(len(values)))


def test_the_tasks_label_is_one_of_them() -> None:
    x = uncorrelated.strings(8)
    for seed in range(5):
        labels = 2 * BitSubsetParity.create(8, seed, subtask_labels=False).labels(x)[:, 0] - 1
        assert (uncorrelated.parities(8) == labels).all(axis=1).sum() == 1


@pytest.mark.parametrize("d", [3, 0, 18])
def test_other_sizes_are_refused(d: int) -> None:
    with pytest.raises(UsageError, match=f"d: got {d}; allowed: an even integer from 2 to 16"):
        uncorrelated.strings(d)
