"""The same search for every method."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lit_curriculum.papers.tuning import choose_rates


@dataclass(frozen=True)
class FakeRun:
    method: str
    rate: float
    seed: int

    def history(self, metric: str) -> list[tuple[int, float]]:
        assert metric == "val/accuracy"
        return [(step, value) for step, value in enumerate(CURVES[self.method, self.rate, self.seed])]


CURVES: dict[tuple[str, float, int], list[float]] = {}


class FakeLab:
    """Finishes runs at once and remembers which were asked for."""

    def __init__(self) -> None:
        self.calls: list[list[FakeRun]] = []

    def fit(self, runs):
        self.calls.append(list(runs))
        return runs


def choose(curves, rates, seeds=(100,), methods=("a",), score="mean"):
    CURVES.clear()
    CURVES.update(curves)
    lab = FakeLab()
    makers = {name: lambda rate, seed, name=name: FakeRun(name, rate, seed) for name in methods}
    return choose_rates(lab, makers, rates, seeds, score), lab


def test_each_method_gets_the_rate_with_the_best_mean_over_the_run():
    curves = {
        ("a", 0.1, 100): [0.5, 0.5, 1.0],
        ("a", 0.2, 100): [0.5, 1.0, 1.0],
        ("b", 0.1, 100): [0.6, 0.7, 0.8],
        ("b", 0.2, 100): [0.5, 0.5, 0.9],
    }
    chosen, _ = choose(curves, (0.1, 0.2), methods=("a", "b"))
    assert chosen == {"a": 0.2, "b": 0.1}


def test_the_last_value_counts_where_that_is_asked_for():
    curves = {("a", 0.1, 100): [0.8, 0.8, 0.8], ("a", 0.2, 100): [0.1, 0.1, 0.9]}
    assert choose(curves, (0.1, 0.2), score="last")[0] == {"a": 0.2}
    assert choose(curves, (0.1, 0.2), score="mean")[0] == {"a": 0.1}


def test_scores_are_averaged_over_seeds():
    curves = {
        ("a", 0.1, 1): [1.0],
        ("a", 0.1, 2): [0.5],
        ("a", 0.2, 1): [0.8],
        ("a", 0.2, 2): [0.8],
    }
    assert choose(curves, (0.1, 0.2), (1, 2))[0] == {"a": 0.2}


@pytest.mark.parametrize("rates", [(0.1, 0.2, 0.05), (0.2, 0.05, 0.1)])
def test_of_equal_rates_the_larger_wins(rates):
    curves = {("a", rate, 1): [0.75] for rate in rates}
    assert choose(curves, rates, (1,))[0] == {"a": 0.2}


def test_every_method_is_given_the_same_grid_and_budget_in_one_go():
    curves = {(m, r, s): [0.5] for m in ("a", "b") for r in (0.1, 0.2) for s in (1, 2, 3)}
    _, lab = choose(curves, (0.1, 0.2), (1, 2, 3), ("a", "b"))
    (runs,) = lab.calls
    assert {(run.method, run.rate, run.seed) for run in runs} == set(curves)
    assert len(runs) == len(curves)


def test_a_grid_of_one_rate_needs_no_runs():
    chosen, lab = choose({}, (0.3,), (), ("a", "b"))
    assert chosen == {"a": 0.3, "b": 0.3}
    assert lab.calls == []
