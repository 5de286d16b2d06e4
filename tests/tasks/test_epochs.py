"""Finite sets: each member once an epoch, in an order that depends on seed and epoch alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.tasks.epochs import epoch_indices


@given(seed=st.integers(0, 2**64 - 1), size=st.integers(1, 60), epochs=st.integers(1, 4))
def test_every_epoch_sees_each_member_once(seed, size, epochs):
    seen = epoch_indices(seed, size, 0, size * epochs).reshape(epochs, size)
    np.testing.assert_array_equal(np.sort(seen, axis=1), np.tile(np.arange(size), (epochs, 1)))


@given(
    seed=st.integers(0, 2**32), size=st.integers(1, 40), start=st.integers(0, 200), count=st.integers(1, 90)
)
def test_a_visit_does_not_depend_on_the_batch_it_is_in(seed, size, start, count):
    whole = epoch_indices(seed, size, 0, start + count)
    np.testing.assert_array_equal(epoch_indices(seed, size, start, count), whole[start:])


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = [epoch_indices(seed, 50, epoch * 50, 50).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert sorted(orders[0]) != orders[0]
