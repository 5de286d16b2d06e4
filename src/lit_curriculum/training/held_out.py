"""Means over held-out samples that do not depend on who computed which batch, nor in what order.

The batches of a held-out stream are cut on an absolute grid; each is computed whole by one device, so its
arithmetic is the same on any number of them (`base_data`). What is left is to add the sums of the batches:
here in float64, the total rounded once (`math.fsum`), which gives the same number in any order. Batches of
another size round in the forward pass alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torchmetrics import Metric

Values = torch.Tensor | tuple[torch.Tensor, torch.Tensor]
Measures = Mapping[str, Values]
"""By name a number of each sample (n,), or the numbers and their weights (n,). Booleans count as 0 and 1."""

Gather = Callable[[Any], list[Any]]
"""Takes an object of this process and returns those of all, in the order of their ranks."""


class ExactMean(Metric):
    """Mean over samples: float64 sums of batches, added exactly.

    The sums are kept apart until the mean is asked for, so that those of other processes can join them in any
    order (`HeldOutMeans`); torchmetrics' own gathering would round in the order of the ranks.
    """

    full_state_update = False
    totals: list[torch.Tensor]
    weights: list[torch.Tensor]

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)
        self.add_state("totals", default=[], dist_reduce_fx=None)
        self.add_state("weights", default=[], dist_reduce_fx=None)

    def update(self, values: Values) -> None:
        """Add a batch's numbers (n,), or its numbers and their weights; on a GPU nothing waits for it."""
        total, weight = _sum_and_weight(values)
        self.totals.append(total)
        self.weights.append(weight)

    def pairs(self) -> list[tuple[float, float]]:
        """Return the sum and the weight of every batch."""
        return list(zip(map(float, self.totals), map(float, self.weights), strict=True))

    def compute(self) -> float:
        """Return the mean; NaN without any observation."""
        return mean_of(self.pairs())


class HeldOutMeans:
    """Collects the measures of one stream's batches, in whatever precision they were computed."""

    def __init__(self) -> None:
        self._means: dict[str, ExactMean] = {}

    def add(self, measures: Measures) -> None:
        """Add a batch."""
        for name, values in measures.items():
            self._means.setdefault(name, ExactMean()).update(values)

    def take(self, gather: Gather) -> dict[str, float]:
        """Return the means over the batches of all processes, and begin anew.

        A measure without any observation is left out: it has no mean.
        """
        mine = {name: mean.pairs() for name, mean in self._means.items()}
        self._means = {}
        of_all: dict[str, list[tuple[float, float]]] = {}
        for of_one in gather(mine):
            for name, pairs in of_one.items():
                of_all.setdefault(name, []).extend(pairs)
        return {name: mean_of(pairs) for name, pairs in of_all.items() if any(weight for _, weight in pairs)}


def mean_of(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the mean from the sums and weights of batches, the same in every order; NaN without weight."""
    weight = math.fsum(weight for _, weight in pairs)
    return _exact_sum([total for total, _ in pairs]) / weight if weight > 0 else math.nan


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
