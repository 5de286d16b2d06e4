"""The same search for every method: one grid, one budget, tuning seeds that are never reported."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from lit_curriculum.runs.graph import Run
from lit_curriculum.runs.lab import Lab

MakeRun = Callable[[float, int], Run]
Score = Literal["mean", "last"]


def choose_rates(
    lab: Lab,
    methods: Mapping[str, MakeRun],
    rates: Sequence[float],
    seeds: Sequence[int],
    score: Score = "mean",
) -> dict[str, float]:
    """Return each method's best rate by ``val/accuracy`` averaged over seeds; of equal ones the larger wins.

    Args:
        lab: where the runs are trained.
        methods: method -> (rate, seed) -> run. Runs evaluate the ``val`` stream.
        rates: the grid.
        seeds: tuning seeds.
        score: ``mean`` over the whole run, which rewards both learning at all and learning early; or the
            ``last`` value, where that is what a figure shows.
    """
    if len(rates) == 1:
        return dict.fromkeys(methods, rates[0])
    grid = [(name, rate, seed) for name in methods for rate in rates for seed in seeds]
    finished = lab.fit([methods[name](rate, seed) for name, rate, seed in grid])
    scores: dict[tuple[str, float], list[float]] = {}
    for (name, rate, _), run in zip(grid, finished, strict=True):
        accuracies = [value for _, value in run.history("val/accuracy")]
        value = statistics.fmean(accuracies) if score == "mean" else accuracies[-1]
        scores.setdefault((name, rate), []).append(value)
    return {
        name: max(sorted(rates, reverse=True), key=lambda rate: statistics.fmean(scores[name, rate]))
        for name in methods
    }
