"""Lemmas 4, 5 and 6 of appendix A, as they hold: built by hand, evaluated on every input.

Two statements of the paper do not hold as printed (`docs/errata.md`): the coefficients of Lemma 4 reach
4n' + 2 for even n', not 4n'; and Lemma 5 fails on all 2^(n/2) inputs with x_0 = 1 whose active bits are all
1, not on x = 1 alone. There f~ is off by one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value
from lit_curriculum.theory.sum_and_parity.network import TwoLayer
from lit_curriculum.theory.sum_and_parity.population import Array, Population


def beta(n_active: int) -> Array:
    """Return beta'_0 .. beta'_n' (n' + 1,) of Lemma 4: -2n' + 2i + 1."""
    return np.arange(-2 * n_active + 1, 2, 2, dtype=np.float64)


def nu(n_active: int) -> Array:
    """Return nu_0 .. nu_n' (n' + 1,) as the proof of Lemma 4 chooses them.

    Raises:
        UsageError: for n' below 1.
    """
    if n_active < 1:
        raise bad_value("n'", n_active, "an integer of at least 1")
    i = np.arange(n_active + 1)
    even = n_active % 2 == 0
    chosen = (-1.0) ** i * (4.0 * (n_active - i) + (2 if even else -2))
    chosen[-1] = 1 if even else -1
    return chosen


def largest_nu(n_active: int) -> int:
    """Return max |nu_i|, the corrected bound: 4n' + 2 for even n', 4n' - 2 for odd n' > 1."""
    return 4 * n_active + 2 if n_active % 2 == 0 else max(4 * n_active - 2, 1)


def lemma4(n_active: int, x: Array) -> Array:
    """Return the left-hand side of Lemma 4 (m,) for x (m, n')."""
    total = x.sum(1)[:, None]
    left: Array = np.maximum(total + beta(n_active) + n_active, 0) @ nu(n_active)
    return left


def lemma5(population: Population) -> Array:
    """Return f~ of Lemma 5 on every input of a population with p > 0, (2^(n+1),).

    Raises:
        UsageError: for p = 0, where the construction divides by zero.
    """
    if population.p == 0:
        raise bad_value("p", population.p, "a probability above 0")
    p, n_active = population.p, population.n // 2
    linear = p * population.x @ population.w
    psi = np.maximum(linear[:, None] + p * beta(n_active), 0)
    built: Array = psi @ (nu(n_active) / p) + linear / p
    return built


def exceptions(population: Population) -> npt.NDArray[np.bool_]:
    """Return where Lemma 5 fails (2^(n+1),): x_0 = 1 and every active bit 1."""
    active = population.x[:, list(population.support)]
    return (population.x[:, 0] > 0) & (active > 0).all(1)


def lemma6(population: Population, W: Array, b: Array) -> TwoLayer:
    """Return the network of Lemma 6: the u and v that Lemma 5 gives, for W (k, n + 1) near p w.

    Args:
        population: with p > 0.
        W: after the first step.
        b: biases (k,), with every value p beta'_i among them.

    Raises:
        UsageError: for p = 0, or biases that lack a value.
    """
    if population.p == 0:
        raise bad_value("p", population.p, "a probability above 0")
    wanted, coefficients = population.p * beta(population.n // 2), nu(population.n // 2) / population.p
    v = np.zeros(len(b))
    for value, coefficient in zip(wanted, coefficients, strict=True):
        places = np.flatnonzero(np.isclose(b, value))
        if not len(places):
            raise bad_value("b", "biases that lack a value", "every p (-n + 2i + 1) for i = 0 .. n/2")
        v[places[0]] = coefficient
    return TwoLayer(np.asarray(W, dtype=float), np.full(len(b), 1 / (len(b) * population.p)), v, b)


def lemma6_loss(n: int, p: float, tau: float) -> float:
    """Return what Lemma 6 allows: 8 n^6 tau^2 / p^2 + 2^(-n / 2)."""
    return float(8 * n**6 * tau**2 / p**2 + 2 ** (-n / 2))
