"""The theory figure's settings, its measurements as rows, and what is read from the rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lit_curriculum.reproduce.results import MissingData, PerSeed, Results, Row
from lit_curriculum.reproduce.study import Scale
from lit_curriculum.theory.sum_and_parity import (
    Population,
    average_sgd,
    batch_gradient,
    biases,
    bounds,
    compact_features,
    constructions,
    draw_biases,
    parity_accuracy,
    population_loss,
)


@dataclass(frozen=True)
class Theory:
    """What a scale sets; symbols as in the paper.

    Attributes:
        n: bits; epsilon: the loss to reach, n >= 2 log2(1 / epsilon); delta: probability of failing.
        p: probabilities of a Sum sample. p = 0 is measured beside them, with the biases and batches of the
            smallest.
        scaled: first batches, as multiples of 1 / p^2.
        draws: first steps whose results are averaged, for each seed, p and size of the batch.
        T: steps of the second phase; batch: their samples.
        trials: first steps measured against Claim 1.
        sizes: n of the constructions.
        seeds: seeds of the two-phase runs.
    """

    n: int
    epsilon: float
    delta: float
    p: tuple[float, ...]
    scaled: tuple[int, ...]
    draws: int
    T: int
    batch: int
    trials: int
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def k(self) -> int:
        """Hidden units."""
        return bounds.width(self.n, self.delta)


SETTINGS: dict[Scale, Theory] = {
    "smoke": Theory(
        n=4,
        epsilon=0.25,
        delta=0.1,
        p=(0.3, 0.01),
        scaled=(10, 1000),
        draws=2,
        T=200,
        batch=8,
        trials=5,
        sizes=(4, 6),
        seeds=(0,),
    ),
    "laptop": Theory(
        n=6,
        epsilon=0.125,
        delta=0.1,
        p=(0.5, 0.2, 0.1, 0.01, 0.003, 0.001),
        scaled=(10, 30, 100, 300, 1000, 10_000),
        draws=4,
        T=200_000,
        batch=32,
        trials=200,
        sizes=(4, 6, 8, 10, 12),
        seeds=tuple(range(10)),
    ),
    "paper": Theory(
        n=8,
        epsilon=0.0625,
        delta=0.1,
        p=(0.5, 0.2, 0.1, 0.01, 0.003, 0.001),
        scaled=(10, 30, 100, 300, 1000, 3000, 10_000, 30_000),
        draws=4,
        T=3_000_000,
        batch=32,
        trials=200,
        sizes=(4, 6, 8, 10, 12),
        seeds=tuple(range(5)),
    ),
}

# Below: the Parity samples' variance is nine tenths of the first step's noise. Above: the Sum samples'.
PARITY_NOISE, SUM_NOISE = 0.01, 0.1
CORRECTED, PRINTED = "deviation", "deviation, printed batch"


def row_of(part: str, n: int, p: float, seed: int, samples: int, metric: str, value: float) -> Row:
    """Return one row of the results; ``samples`` is the size of the first batch, 0 where there is none."""
    row = {"arm": part, "seed": seed, "step": 0, "metric": metric, "value": value}
    return {**row, "n": n, "p": p, "samples": samples}


def construction_rows(n: int) -> list[Row]:
    """Count where Lemma 5's construction fails, and measure how far Lemma 2's gradient is from -p w."""
    population = Population(n, 0.1)
    errors = np.abs(constructions.lemma5(population) - population.y)
    excepted = constructions.exceptions(population)
    gradient = -(population.probability * population.y) @ population.x
    found = {
        "inputs": len(errors),
        "exceptions": int(excepted.sum()),
        "failures outside": int((errors[~excepted] > 1e-9).sum()),
        "failures off by one": int((np.abs(errors[excepted] - 1) < 1e-9).sum()),
        "lemma 2": float(np.abs(gradient + population.p * population.w).max()),
    }
    return [row_of("construction", n, 0.1, 0, 0, metric, value) for metric, value in found.items()]


def gradient_rows(setting: Theory, p: float) -> list[Row]:
    """Repeat the first step with Claim 1's batches; the value is the largest deviation over tau."""
    population = Population(setting.n, p)
    tau = bounds.theorem1_tau(setting.n, p, setting.epsilon)
    rows = []
    for metric in (CORRECTED, PRINTED):
        batch = bounds.claim1_batch(setting.n, setting.k, tau, setting.delta, metric == PRINTED)
        for trial in range(setting.trials):
            # The trial's own stream of numbers; printed and corrected batches see different samples.
            generator = _generator(trial, p, 1 if metric == PRINTED else 2)
            distance = np.abs(batch_gradient(population, batch, generator) - p * population.w).max()
            rows.append(row_of("gradient", setting.n, p, trial, batch, metric, float(distance / tau)))
    return rows


def learning_rows(setting: Theory, seed: int) -> list[Row]:
    """Train one seed's runs side by side: its hidden units and second phase are the same for all of them."""
    n, smallest = setting.n, min(setting.p)
    cells = [(p, p or smallest, scaled) for p in (*setting.p, 0.0) for scaled in setting.scaled]
    units = draw_biases(n, setting.k, _generator(seed, 1.0, 1))
    features = []
    for p, for_biases, scaled in cells:
        generator = _generator(seed, p, scaled)
        for _ in range(setting.draws):
            row = batch_gradient(Population(n, p), _batch(for_biases, scaled), generator)
            features.append(compact_features(Population(n, p), row, biases(n, for_biases), units))
    weights = average_sgd(
        np.stack(features),
        Population(n, 0.5).y,
        [p for p, _, _ in cells for _ in range(setting.draws)],
        setting.T,
        setting.batch,
        _generator(seed, 1.0, 2),
    )
    outputs = [seen @ learned for seen, learned in zip(features, weights, strict=True)]
    rows = []
    for i, (p, for_biases, scaled) in enumerate(cells):
        own, population = outputs[i * setting.draws : (i + 1) * setting.draws], Population(n, p)
        for metric, measured in (("loss", population_loss), ("accuracy", parity_accuracy)):
            mean = statistics.fmean(measured(population, output) for output in own)
            rows.append(row_of("learning", n, p, seed, _batch(for_biases, scaled), metric, mean))
    return rows


def _batch(p: float, scaled: int) -> int:
    return round(scaled / p**2)


def _generator(seed: int, p: float, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, round(p * 1e6), purpose]))


# --- from the results alone --------------------------------------------------------------------------------


def learned(results: Results, p: float, metric: str) -> dict[int, list[tuple[float, float]]]:
    """Return each seed's (first batch, value), batches ascending.

    Raises:
        MissingData: if a seed is missing.
    """
    frame = results.where(p=p).frame
    chosen = frame[(frame["arm"] == "learning") & (frame["metric"] == metric)].sort_values("samples")
    curves = {
        int(str(seed)): list(zip(of_seed["samples"], of_seed["value"], strict=True))
        for seed, of_seed in chosen.groupby("seed")
    }
    missing = sorted(set(results.seeds or ()) - set(curves))
    if missing:
        raise MissingData(f"{metric!r} at p = {p:g} lacks the seeds {missing}")
    return curves


def needed(curve: Sequence[tuple[float, float]], epsilon: float) -> float:
    """Return the first batch from which on the loss is at most epsilon.

    It is inf if the loss never is for good, and nan if it is from the smallest batch on: then fewer samples
    may do, and how many is not known. Between two batches the loss is taken as linear in the logarithm of
    the batch.
    """
    above = [i for i, (_, loss) in enumerate(curve) if loss > epsilon]
    if not above:
        return math.nan
    if above[-1] == len(curve) - 1:
        return math.inf
    (before, high), (after, low) = curve[above[-1]], curve[above[-1] + 1]
    share = (high - epsilon) / (high - low)
    return math.exp(math.log(before) + share * (math.log(after) - math.log(before)))


def slopes(results: Results, setting: Theory, p: Sequence[float]) -> PerSeed:
    """Return the least-squares slope of log(samples needed) against log(1 / p); nan where one is unknown."""
    curves = [learned(results, value, "loss") for value in p]

    def slope(seed: int) -> float:
        samples = [needed(curve[seed], setting.epsilon) for curve in curves]
        if len(p) < 2 or not all(map(math.isfinite, samples)):
            return math.nan
        return float(np.polyfit(-np.log(p), np.log(samples), 1)[0])

    return PerSeed({seed: slope(seed) for seed in curves[0]})


def deviations(results: Results, p: float, metric: str) -> list[float]:
    """Return every trial's largest deviation over tau."""
    frame = results.frame
    chosen = frame[(frame["arm"] == "gradient") & (frame["p"] == p) & (frame["metric"] == metric)]
    return [float(value) for value in chosen["value"]]
