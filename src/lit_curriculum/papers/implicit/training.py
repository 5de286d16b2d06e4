"""Runs and rows that the figures of trained transformers share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lit_curriculum.papers.figure import Row
from lit_curriculum.papers.tuning import MakeRun, choose_rates
from lit_curriculum.runs.graph import Finished, Run
from lit_curriculum.runs.lab import Lab

Curve = list[tuple[float, float]]


@dataclass(frozen=True)
class Method:
    """One way to be trained.

    Attributes:
        name: its name in data.csv.
        model, data: arguments that set it apart.
    """

    name: str
    model: dict[str, Any] = field(default_factory=dict, hash=False)
    data: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Training:
    """What a scale sets for the runs of one figure; sizes that are not here are the configurations'.

    Attributes:
        configs: shipped configurations, overlays after their base.
        num_steps: updates of a run.
        eval_every: updates between two evaluations.
        batch_size: global batch.
        rates: grid from which every method chooses.
        seeds: seeds that are reported; data and model seed together.
        tuning_seeds: seeds that choose the rates.
        model, data: further arguments of all runs.
    """

    configs: tuple[str, ...]
    num_steps: int
    eval_every: int
    batch_size: int
    rates: tuple[float, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100,)
    model: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    def run(self, kind: str, method: Method, rate: float, seed: int, report: bool) -> Run:
        """Return one run of a method."""
        settings = {
            "model": {"init_args": {**self.model, **method.model, "lr": rate, "model_seed": seed}},
            "data": {
                "init_args": {
                    **self.data,
                    **method.data,
                    "num_steps": self.num_steps,
                    "eval_every": self.eval_every,
                    "batch_size": self.batch_size,
                    "data_seed": seed,
                    # Rates are chosen on val; only reported runs look at test, and at nothing else.
                    "eval_streams": ["test"] if report else ["val"],
                }
            },
        }
        return Run(kind, self.configs, settings, cost=self.num_steps * self.batch_size)


def train(
    lab: Lab, training: Training, kind: str, methods: Sequence[Method], metrics: Mapping[str, str]
) -> list[Row]:
    """Train every method at its best rate with every seed and return its test metrics as rows.

    Args:
        lab: where the runs are trained.
        training: what the scale sets.
        kind: beginning of the runs' folders.
        methods: what is compared.
        metrics: name in data.csv -> metric without its stream, e.g. ``accuracy``. A run that lacks one has no
            row of it.
    """

    def maker(method: Method) -> MakeRun:
        return lambda rate, seed: training.run(kind, method, rate, seed, report=False)

    rates = choose_rates(lab, {m.name: maker(m) for m in methods}, training.rates, training.tuning_seeds)
    runs = {
        (method.name, seed): training.run(kind, method, rates[method.name], seed, report=True)
        for method in methods
        for seed in training.seeds
    }
    rows: list[Row] = []
    for (name, seed), run in zip(runs, lab.fit(list(runs.values())), strict=True):
        for shown, metric in metrics.items():
            rows += _rows(name, seed, rates[name], shown, f"test/{metric}", run)
    return rows


def _rows(method: str, seed: int, rate: float, shown: str, metric: str, run: Finished) -> list[Row]:
    if metric not in run.rows("metrics.csv")[0]:
        return []
    return [
        {"method": method, "seed": seed, "lr": rate, "metric": shown, "step": step, "value": value}
        for step, value in run.history(metric)
    ]


def curves(rows: Sequence[Row], method: str, metric: str) -> list[Curve]:
    """Return one curve a seed, seeds ascending."""
    chosen = [row for row in rows if row["method"] == method and row["metric"] == metric]
    seeds = sorted({row["seed"] for row in chosen})
    return [[(row["step"], row["value"]) for row in chosen if row["seed"] == seed] for seed in seeds]


def finals(rows: Sequence[Row], method: str, metric: str) -> list[float]:
    """Return the last value of each seed."""
    return [curve[-1][1] for curve in curves(rows, method, metric)]


def steps_to(rows: Sequence[Row], method: str, metric: str, value: float) -> list[float]:
    """Return, for each seed, the first step at which a value is reached (inf if never)."""
    found = curves(rows, method, metric)
    return [next((step for step, v in curve if v >= value), math.inf) for curve in found]


def at_most(steps: Sequence[float], longest: float) -> list[float]:
    """Return steps with never counted as ``longest``, so that they have a mean."""
    return [min(step, longest) for step in steps]
