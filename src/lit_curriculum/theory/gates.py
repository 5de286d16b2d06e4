"""Every gate is a polynomial of one projection: Lemmas 2 and 3 of `subtask`, as they hold.

A gate reads N bits z_1 .. z_N as one-hot vectors, e_0 = (1, 0) and e_1 = (0, 1). The lemmas say that a unit
vector w and a polynomial psi exist with psi(<w, (e_z1; ..; e_zN)>) equal to the gate (equations 8 and 9), so
that each sub-task lies in the class that equation 6 defines. Here both are built.

Three things do not hold as printed (`docs/errata.md`). Equation 21's polynomial is 3 where 1 is needed. In
the proof of Lemma 3 the inner product lacks the factor sqrt(3 / (4^N - 1)) that makes w a unit vector, and
equation 22 therefore interpolates at the wrong points. And equation 9 wants the gate's bit, where equation 6
takes a sign: +1 and -1 are wanted, as in Lemma 2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value

Array = npt.NDArray[np.float64]

LEMMA_2 = (1.0, -4 * math.sqrt(2), 4.0)
"""a_0, a_1, a_2 of the polynomial through (0, 1), (1 / sqrt 2, -1), (sqrt 2, 1): equation 21, corrected."""

LEMMA_2_PRINTED = (1.0, -7 / math.sqrt(2), 4.5)
"""a_0, a_1, a_2 as equation 21 prints them; psi(sqrt 2) = 3."""


def lemma2_weights() -> Array:
    """Return w (4,) of the proof of Lemma 2, a unit vector: it counts the zeros among two bits."""
    return np.array([1.0, 0.0, 1.0, 0.0]) / math.sqrt(2)


def unit(N: int) -> float:
    """Return sqrt(3 / (4^N - 1)), the length by which 2^0 .. 2^(N-1) become a unit vector.

    Raises:
        UsageError: for N below 1 or above 4; with 5 inputs coefficients of 1e21 leave float64 no values.
    """
    if not 1 <= N <= 4:
        raise bad_value("N", N, "an integer from 1 to 4")
    return math.sqrt(3 / (4**N - 1))


def lemma3_weights(N: int) -> Array:
    """Return w (2N,) of the proof of Lemma 3: 2^(i-1) where z_i = 0, times `unit`."""
    weights = np.zeros(2 * N)
    weights[0::2] = 2.0 ** np.arange(N)
    return unit(N) * weights


def bits(N: int) -> npt.NDArray[np.int64]:
    """Return all z (2^N, N) in the order of alpha(z), the number that the zeros of z write in binary."""
    numbers = np.arange(2**N)[:, None]
    return 1 - (numbers >> np.arange(N) & 1)


def alpha_polynomial(values: Sequence[int]) -> list[Fraction]:
    """Return a_0, a_1, .. of the polynomial of least degree through (0, v_0), (1, v_1), .., exactly.

    Newton's form with divided differences, multiplied out.
    """
    differences = [Fraction(value) for value in values]
    for order in range(1, len(values)):
        for i in range(len(values) - 1, order - 1, -1):
            differences[i] = (differences[i] - differences[i - 1]) / order
    coefficients = [Fraction(0)] * len(values)
    for node in range(len(values) - 1, -1, -1):
        # p(x) <- p(x) * (x - node) + differences[node]
        shifted = [Fraction(0), *coefficients[:-1]]
        coefficients = [up - node * here for up, here in zip(shifted, coefficients, strict=True)]
        coefficients[0] += differences[node]
    return coefficients


def lemma3_polynomial(values: Sequence[int]) -> Array:
    """Return a_0, a_1, .. of psi with psi(unit(N) * alpha(z)) equal to a gate: equation 22, points corrected.

    Its degree is at most 2^N - 1.

    Args:
        values: what the gate is to be, for z in the order of `bits`: 0 and 1 (equation 9), or -1 and 1
            (equation 6); 2^N of them.

    Raises:
        UsageError: for a number of values that is not 2^N with N from 1 to 4.
    """
    N = len(values).bit_length() - 1
    if len(values) != 2**N or not 1 <= N <= 4:
        raise bad_value("values", f"{len(values)} of them", "2^N with N from 1 to 4")
    scale = unit(N)
    return np.array([float(a) / scale**i for i, a in enumerate(alpha_polynomial(values))])


def evaluate(coefficients: Sequence[float] | Array, weights: Array, z: npt.NDArray[np.int64]) -> Array:
    """Return psi(<w / |w|, (e_z1; ..; e_zN)>) (m,) for bits z (m, N)."""
    one_hot = np.stack([1 - z, z], axis=-1).reshape(len(z), -1)
    projected = one_hot @ (weights / np.linalg.norm(weights))
    value: Array = np.polynomial.polynomial.polyval(projected, np.asarray(coefficients))
    return value


def largest_coefficient(N: int) -> float:
    """Return max |a_i| over all 2^(2^N) gates of N inputs with values -1 and 1: the O(1) of Lemma 3.

    A coefficient is linear in the gate's values, so the largest is a sum of absolute values.
    """
    basis = [lemma3_polynomial(row) for row in np.eye(2**N, dtype=int).tolist()]
    return float(np.abs(np.array(basis)).sum(axis=0).max())


def gates(N: int, low: int = 0) -> list[tuple[int, ...]]:
    """Return all 2^(2^N) gates of N inputs as their values, ``low`` and 1, in the order of `bits`."""
    return list(itertools.product((low, 1), repeat=2**N))
