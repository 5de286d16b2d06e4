"""Means over held-out samples that do not depend on who computed which batch, nor in what order.

The batches of a held-out stream are cut on an absolute grid; each is computed whole by one device, so its
arithmetic is the same on any number of them (`base_data`). What is left is to add the sums of the batches:
here in float64, the total rounded once (`math.fsum`), which gives the same number in any order. Batches of
another size round in the forward pass alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

Values = torch.Tensor | tuple[torch.Tensor, torch.Tensor]
Measures = Mapping[str, Values]
"""By name a number of each sample (n,), or the numbers and their weights (n,). Booleans count as 0 and 1."""

Gather = Callable[[Any], list[Any]]
"""Takes an object of this process and returns those of all, in the order of their ranks."""


class HeldOutMeans:
    """Collects the measures of one stream's batches, in whatever precision they were computed."""

    def __init__(self) -> None:
        self._sums: list[tuple[list[str], torch.Tensor]] = []

    def add(self, measures: Measures) -> None:
        """Add a batch; on a GPU nothing waits for it."""
        sums = [_sum_and_weight(values) for values in measures.values()]
        self._sums.append((list(measures), torch.stack([torch.stack(pair) for pair in sums])))

    def take(self, gather: Gather) -> dict[str, float]:
        """Return the means over the batches of all processes, and begin anew.

        A measure without any observation is left out: it has no mean.
        """
        mine = [(names, sums.tolist()) for names, sums in self._sums]
        self._sums = []
        totals: dict[str, list[list[float]]] = {}
        for names, sums in (batch for batches in gather(mine) for batch in batches):
            for name, pair in zip(names, sums, strict=True):
                totals.setdefault(name, []).append(pair)
        means = {}
        for name, pairs in totals.items():
            weight = math.fsum(weight for _, weight in pairs)
            if weight > 0:
                means[name] = _exact_sum([total for total, _ in pairs]) / weight
        return means


def _exact_sum(values: list[float]) -> float:
    # fsum refuses infinities of both signs, whose sum is NaN.
    return math.fsum(values) if all(map(math.isfinite, values)) else sum(values)


def _sum_and_weight(values: Values) -> tuple[torch.Tensor, torch.Tensor]:
    if isinstance(values, tuple):
        numbers, weights = values
        return _sum(numbers.double() * weights.double()), _sum(weights)
    # Filled on the device: a number that is copied there would wait for it.
    return _sum(values), torch.full((), values.numel(), dtype=torch.float64, device=values.device)


def _sum(values: torch.Tensor) -> torch.Tensor:
    if values.device.type != "cpu":
        return values.sum(dtype=torch.float64)
    # numpy's order is fixed; torch's depends on the number of threads.
    return torch.as_tensor(values.detach().double().numpy().sum(), dtype=torch.float64)
