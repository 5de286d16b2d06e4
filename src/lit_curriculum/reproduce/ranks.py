"""Correlations of ranks, of a few places of one seed each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


def partial_rank_correlation(
    values: Sequence[float], others: Sequence[float], given: Sequence[float]
) -> float:
    """Return how two quantities go together beyond what a third one explains of both.

    Spearman's partial coefficient: ranks, with their mean where values are equal, less their straight lines
    in the ranks of ``given``. It does not ask for straight lines in the quantities themselves.

    Args:
        values: n numbers, one of each place.
        others: n numbers of the same places.
        given: n numbers, of what is held fixed.

    Returns:
        From -1 to 1; 0 where nothing is left of one of the two. NaN for fewer than 4 places: with 3 the
        coefficient is always -1, 0 or 1.

    Raises:
        ValueError: for lists of different lengths.
    """
    if not len(values) == len(others) == len(given):
        raise ValueError(f"{len(values)}, {len(others)} and {len(given)} values")
    if len(given) < 4:
        return math.nan
    first, second, third = (stats.rankdata(of) - (len(given) + 1) / 2 for of in (values, others, given))
    left = [_without(ranks, third) for ranks in (first, second)]
    size = math.sqrt(float(left[0] @ left[0]) * float(left[1] @ left[1]))
    # Ranks are multiples of a half: what is left is far larger than rounding, or nothing.
    return float(left[0] @ left[1]) / size if size > 1e-9 else 0.0


def _without(ranks: np.ndarray, given: np.ndarray) -> np.ndarray:
    square = float(given @ given)
    return ranks - given * (float(ranks @ given) / square) if square else ranks
