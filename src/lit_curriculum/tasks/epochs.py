"""Finite training sets, visited epoch after epoch in an order that is f(seed, epoch)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from lit_curriculum.tasks.counter import random_words

Indices = npt.NDArray[np.int64]


def epoch_indices(seed: int, size: int, start: int, count: int) -> Indices:
    """Return which members of a set of ``size`` the visits ``start .. start + count - 1`` see, (count,).

    Visit v belongs to epoch v // size; every epoch sees each member once, in an order of its own. A batch may
    begin in one epoch and end in the next, so that none is smaller than the others.
    """
    visits = np.arange(start, start + count)
    epochs = visits // size
    found = np.empty(count, dtype=np.int64)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        found[here] = _order(seed, size, int(epoch))[visits[here] % size]
    return found


@lru_cache(maxsize=2)
def _order(seed: int, size: int, epoch: int) -> Indices:
    words = random_words(seed, "train", epoch * size, size, 2, "order").astype(np.uint64)
    order = np.argsort(words[:, 0] << np.uint64(32) | words[:, 1], kind="stable")
    order.flags.writeable = False
    return order
