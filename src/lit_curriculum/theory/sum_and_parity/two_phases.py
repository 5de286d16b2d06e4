"""Training in two phases (section 2.2, appendix A), for many runs at once.

First one step with rate 1 on all layers: W becomes minus the batch gradient, the mean of y x, in every row
(the rows start equal and stay equal). Then SGD on u and v alone, from zero, with averaged weights. The
first batch's size is what Theorem 1's 1/p^2 is about.

Equal rows make the network small: hidden units with equal biases are one feature, and stepping on its
scaled sum is stepping on all of them (a rotation of the weights, under which SGD is the same). So runs
are (n/2 + 2)-dimensional, whatever k.

Two liberties, both the paper's own allowances: the second phase starts from zero (different weight decay for
different layers), and its constants are fitted: the learning rate comes from the features as they are instead
of from their bound, and T is thousands where Theorem 1 asks for 1e8 and more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from lit_curriculum.theory.sum_and_parity import constructions
from lit_curriculum.theory.sum_and_parity.population import Array, Population

# Steps whose samples are drawn at once. Which numbers a step gets depends on it, so it stays as it is.
_CHUNK = 1000


def biases(n: int, p: float) -> Array:
    """Return the values beta_0 .. beta_(n/2) that initial biases take, p beta'_i (n/2 + 1,)."""
    return p * constructions.beta(n // 2)


def draw_biases(n: int, k: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return how many of k hidden units have each of the n/2 + 1 biases."""
    return np.bincount(generator.integers(n // 2 + 1, size=k), minlength=n // 2 + 1)


def batch_gradient(population: Population, batch: int, generator: np.random.Generator) -> Array:
    """Return a row of W after the first step: the mean of y x over a batch (n + 1,)."""
    mean: Array = (population.counts(batch, generator) / batch * population.y) @ population.x
    return mean


def compact_features(population: Population, row: Array, b: Array, units: npt.NDArray[np.int64]) -> Array:
    """Return what the second layer sees of every input, equal units as one, (2^(n+1), n/2 + 2).

    Args:
        population: the inputs.
        row: any row of W, all are equal (n + 1,).
        b: the values of the biases (n/2 + 1,).
        units: hidden units with each of them (n/2 + 1,).
    """
    hidden = population.x @ row
    relu = np.maximum(hidden[:, None] + b, 0) * np.sqrt(units)
    return np.concatenate([hidden[:, None] * np.sqrt(units.sum()), relu], axis=1)


def average_sgd(
    features: Array, y: Array, p: Sequence[float], steps: int, batch: int, generator: np.random.Generator
) -> Array:
    """Train the second layer of R runs by SGD from zero and return the averaged weights (R, F).

    The rate is 0.9 / alpha, alpha the largest squared length of a run's features: the smoothness that
    Theorem 7 speaks of, and just below the 1 / alpha that it allows. All runs see the same bits; which of
    them are Sum samples depends on p.

    Args:
        features: (R, 2^(n+1), F), rows in the order of `Population.x`.
        y: labels (2^(n+1),).
        p: probability of a Sum sample, of each run.
        steps: T.
        batch: samples a step.
        generator: draws all samples.
    """
    runs, inputs, size = features.shape
    rates = [stable_rate(of_run) for of_run in features]
    weights, total = np.zeros((runs, size)), np.zeros((runs, size))
    seen = np.ascontiguousarray(features)
    for first in range(0, steps, _CHUNK):
        shape = (min(_CHUNK, steps - first), batch)
        bits, uniform = generator.integers(inputs // 2, size=shape), generator.random(shape)
        for r in range(runs):
            rows = table_rows(bits, uniform, p[r])
            sgd_steps(seen[r], y, rows, rates[r], weights[r], total[r])
    return total / steps


def stable_rate(features: Array) -> float:
    """Return 0.9 / alpha, alpha being the largest squared length of the features (2^(n+1), F)."""
    return float(0.9 / (features**2).sum(1).max())


def table_rows(bits: npt.NDArray[np.integer[Any]], uniform: Array, p: float) -> npt.NDArray[np.int64]:
    """Return the rows of `Population.x` that samples are, of any shape.

    Args:
        bits: x_1 .. x_n as the bits of a number, +1 where set.
        uniform: numbers in [0, 1); a sample asks for the sum where its number is below p.
        p: probability of a Sum sample.
    """
    return np.asarray(2 * bits + (uniform < p), dtype=np.int64)


@njit(cache=True)
def sgd_steps(
    features: Any, y: Any, rows: Any, rate: Any, weights: Any, total: Any
) -> None:  # pragma: no cover - compiled
    """Make SGD steps on the square loss of a linear model.

    Args:
        features: of every input (2^(n+1), F).
        y: labels (2^(n+1),).
        rows: the samples of each step, as rows of the features (T, batch), int64.
        rate: of a step on the batch's mean gradient.
        weights: (F,), changed in place.
        total: their sum over the steps so far (F,), changed in place.
    """
    size, each = len(weights), rate / rows.shape[1]
    gradient = np.empty(size)
    for t in range(rows.shape[0]):
        gradient[:] = 0.0
        for i in range(rows.shape[1]):
            row = rows[t, i]
            residual = -y[row]
            for f in range(size):
                residual += features[row, f] * weights[f]
            for f in range(size):
                gradient[f] += residual * features[row, f]
        for f in range(size):
            weights[f] -= each * gradient[f]
            total[f] += weights[f]


def population_loss(population: Population, outputs: Array) -> float:
    """Return the expected square loss E (g - y)^2 / 2 of outputs (2^(n+1),)."""
    return float(0.5 * (population.probability * (outputs - population.y) ** 2).sum())


def parity_accuracy(population: Population, outputs: Array) -> float:
    """Return the share of Parity inputs whose output has the right sign; an output of 0 is half right."""
    asked = population.x[:, 0] < 0
    agreement = np.sign(outputs[asked]) * population.y[asked]
    return float((1 + agreement).mean() / 2)
