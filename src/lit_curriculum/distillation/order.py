"""In which order several things come, where their own is what is to be tested."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from lit_curriculum.errors import bad_value

Item = TypeVar("Item")


def ordered(items: Sequence[Item], order: str, seed: int, key: str, *others: str) -> list[Item]:
    """Return two items or more in another order: ``reversed``, or ``shuffled`` by a seed.

    A shuffled order is never the one that was given, which would be no control.

    Args:
        items: in their own order.
        order: ``reversed`` or ``shuffled``.
        seed: of a shuffled order.
        key: setting that names the order.
        others: what else the setting may be.

    Raises:
        UsageError: for another order, or fewer than two items.
    """
    if order not in ("reversed", "shuffled"):
        raise bad_value(key, order, ", ".join((*others, "reversed", "shuffled")))
    if len(items) < 2:
        raise bad_value(key, order, "a schedule of two checkpoints or more")
    places = list(range(len(items)))[::-1]
    draws = random.Random(seed)
    while order == "shuffled":
        places = draws.sample(range(len(items)), len(items))
        if places != sorted(places):
            break
    return [items[place] for place in places]
