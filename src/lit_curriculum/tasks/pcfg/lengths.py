"""The exact distribution of string lengths (progressive, appendix D.4 quotes its percentiles)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.pcfg.grammar import Grammar

QUOTED_PERCENTILES = (25, 50, 75, 95)
"""The percentiles that the paper quotes."""


def length_distribution(grammar: Grammar) -> npt.NDArray[np.float64]:
    """Return the probability of every length, shape (max_length + 1,); entry l is P(length = l).

    Children are independent given the rule, so a rule's length is distributed as the convolution of its
    children's distributions, and a symbol's as the mean over its rules. Exact up to rounding.
    """
    of_symbol: dict[int, npt.NDArray[np.float64]] = {}
    for symbol in sorted(grammar.heights, key=grammar.heights.__getitem__):
        if symbol in grammar.rules:
            of_rules = [reduce(np.convolve, [of_symbol[s] for s in right]) for right in grammar.rules[symbol]]
            of_symbol[symbol] = _mean(of_rules)
        else:
            of_symbol[symbol] = np.array([0.0, 1.0])
    return _mean([of_symbol[root] for root in grammar.roots])


def percentiles(distribution: npt.NDArray[np.float64], at: Sequence[float] = QUOTED_PERCENTILES) -> list[int]:
    """Return for each q of ``at`` the smallest length l with P(length <= l) >= q / 100.

    Raises:
        UsageError: for a percentile that is not above 0 and at most 100.
    """
    for q in at:
        if not 0 < q <= 100:
            raise bad_value("percentile", q, "0 < q <= 100")
    cumulative = np.cumsum(distribution)
    # Rounding may leave the last entry a hair below 1.
    cumulative[-1] = 1.0
    return [int(np.searchsorted(cumulative, q / 100)) for q in at]


def mean_length(grammar: Grammar) -> float:
    """Return the expected number of tokens."""
    distribution = length_distribution(grammar)
    return float(distribution @ np.arange(len(distribution)))


def _mean(distributions: Sequence[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    total = np.zeros(max(len(d) for d in distributions))
    for d in distributions:
        total[: len(d)] += d / len(distributions)
    return total
