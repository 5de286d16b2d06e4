"""Metrics of held-out samples that do not depend on who computed which batch, nor in what order.

The batches of a held-out split are cut on an absolute grid; each is computed whole by one device, so its
arithmetic is the same on any number of them (`base_data`). What is left is to add the sums of the batches:
here in float64, the total rounded once (`math.fsum`), which gives the same number in any order. Batches of
another size round in the forward pass alone.

A module says by `configure_metrics` what is measured. Metrics of torchmetrics go with those of this file in
one `MetricCollection`; they gather as torchmetrics does.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torchmetrics import Metric, MetricCollection

from lit_curriculum.distillation.targets import divergence, narrow

Values = torch.Tensor | tuple[torch.Tensor, torch.Tensor]
Measures = Mapping[str, Values]
"""By name a number of each sample (n,), or the numbers and their weights (n,). Booleans count as 0 and 1."""

Gather = Callable[[Any], list[Any]]
"""Takes an object of this process and returns those of all, in the order of their ranks."""

_Sums = dict[str, list[tuple[torch.Tensor, torch.Tensor]]]


class ExactMeans(Metric, ABC):
    """Means over samples, by name: float64 sums of batches, added exactly.

    A subclass's ``update`` calls `add` with a number of each sample. The sums are kept apart until the mean
    is asked for, so that those of other processes can `join` them in any order; torchmetrics' own gathering
    would round in the order of the ranks.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)
        self._sums: _Sums = {}

    def add(self, measures: Measures) -> None:
        """Add a batch, in whatever precision it was computed; on a GPU nothing waits for it."""
        for name, values in measures.items():
            self._sums.setdefault(name, []).append(_sum_and_weight(values))

    def join(self, gather: Gather) -> None:
        """Take the batches of all processes; all must do so together."""
        mine = {name: [(float(s), float(w)) for s, w in sums] for name, sums in self._sums.items()}
        of_all: _Sums = {}
        for of_one in gather(mine):
            for name, sums in of_one.items():
                of_all.setdefault(name, []).extend(sums)
        self._sums = of_all

    def compute(self) -> dict[str, float]:
        """Return the means; one without any observation is left out."""
        pairs = {name: [(float(s), float(w)) for s, w in sums] for name, sums in self._sums.items()}
        return {name: mean_of(of_one) for name, of_one in pairs.items() if any(w for _, w in of_one)}

    def reset(self) -> None:
        """Begin anew."""
        super().reset()
        self._sums = {}


class Classification(ExactMeans):
    """``loss``, the cross-entropy with the labels, and ``accuracy``, top-1."""

    def update(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add predictions (n, C) of labels (n,)."""
        targets = narrow(labels, logits.shape[-1])
        self.add({"loss": divergence(targets, logits), "accuracy": logits.argmax(-1) == labels})


def computed(metrics: MetricCollection, gather: Gather) -> dict[str, float]:
    """Return every metric over the samples of all processes, and begin anew; all must ask together."""
    for metric in metrics.values():
        if isinstance(metric, ExactMeans):
            metric.join(gather)
    with warnings.catch_warnings():
        # A process may have had no batch; `join` has brought those of the others.
        warnings.filterwarnings("ignore", message="The ``compute`` method")
        found = metrics.compute()
    metrics.reset()
    return {name: float(value) for name, value in found.items()}


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
