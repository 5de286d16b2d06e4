"""Correlation of a teacher's prediction with low-degree monomials (progressive, section 3.1, R1).

For a set S of coordinates, |E[p_T(x)_1 * prod_{i in S} x_i]|, where p_T(x)_1 is the probability of class 1.
In the transition it is large for subsets of the support, and that is what the student learns from. The
estimate from n samples has a noise of about sqrt(E[p^2] / n): 0.002 at 100,000, 0.011 at 4,096, which
would hide the signal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import torch

from lit_curriculum.errors import bad_value

Sampler = Callable[[int, int], torch.Tensor]


@dataclass(frozen=True)
class MonomialSums:
    """Sums over samples; two of them add up, so devices can share the work.

    Attributes:
        count: number of samples.
        sums: for each degree, sum of p_1 * prod x_i over the samples, float64, in the order of `sets`.
    """

    count: int
    sums: dict[int, torch.Tensor]


def monomial_sets(
    d: int, support: tuple[int, ...], degree: int, max_off_support: int = 5000
) -> list[tuple[int, ...]]:
    """Return the monomials of one degree: all subsets of the support first, then the others.

    Where there are more than ``max_off_support`` others, an evenly spaced selection of them in
    lexicographic order is taken.

    Raises:
        UsageError: for a degree outside 1..3.
    """
    if degree not in (1, 2, 3):
        raise bad_value("degrees", degree, "1, 2, 3")
    if degree > d:
        raise bad_value("degrees", degree, f"at most the input dimension {d}")
    inside = list(combinations(sorted(support), degree))
    within = set(support)
    outside = [s for s in combinations(range(d), degree) if not within.issuperset(s)]
    if max_off_support == 0:
        outside = []
    elif len(outside) > max_off_support:
        stride = len(outside) / max_off_support
        outside = [outside[int(i * stride)] for i in range(max_off_support)]
    return inside + outside


def accumulate(
    predict: Callable[[torch.Tensor], torch.Tensor],
    sample: Sampler,
    sets: dict[int, list[tuple[int, ...]]],
    start: int,
    count: int,
    batch: int = 8192,
) -> MonomialSums:
    """Sum p_1 * monomial over samples ``start .. start + count - 1``.

    Args:
        predict: inputs (n, d) -> probability of class 1 (n,).
        sample: (start, count) -> inputs (count, d) of +-1.
        sets: monomials by degree, from `monomial_sets`.
        start: first sample.
        count: number of samples.
        batch: samples at a time.
    """
    sums = {degree: torch.zeros(len(of_degree), dtype=torch.float64) for degree, of_degree in sets.items()}
    indices = {degree: torch.tensor(of_degree) for degree, of_degree in sets.items()}
    for first in range(start, start + count, batch):
        x = sample(first, min(batch, start + count - first))
        p = predict(x).to(x.dtype)
        # Prefixes of length degree - 1 repeat a lot: one weighted product X' diag(p x_prefix) X holds all
        # their completions, and for degree 2 a single matrix product holds everything.
        for degree, index in indices.items():
            sums[degree] += _weighted_sums(x, p, index).double().cpu()
    return MonomialSums(count, sums)


def _weighted_sums(x: torch.Tensor, p: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return sum over rows of p * prod_j x[:, index[:, j]], shape (len(index),)."""
    index = index.to(x.device)
    degree = index.shape[1]
    if degree == 1:
        return (p @ x)[index[:, 0]]
    if degree == 2:
        return (x.T @ (p[:, None] * x))[index[:, 0], index[:, 1]]
    prefixes, place = torch.unique(index[:, :2], dim=0, return_inverse=True)
    result = torch.empty(len(index), dtype=x.dtype, device=x.device)
    for first in range(0, len(prefixes), 256):
        some = torch.arange(first, min(first + 256, len(prefixes)), device=x.device)
        products = p[:, None] * x[:, prefixes[some, 0]] * x[:, prefixes[some, 1]]
        completed = products.T @ x
        members = (place >= some[0]) & (place <= some[-1])
        result[members] = completed[place[members] - some[0], index[members, 2]]
    return result


@dataclass(frozen=True)
class MonomialSummary:
    """Correlations of one degree.

    Attributes:
        inside: |correlation| of each subset of the support, in `monomial_sets` order.
        outside: |correlation| of the others.
        noise: standard error of one estimate.
    """

    degree: int
    inside: torch.Tensor
    outside: torch.Tensor
    noise: float


def summarise(
    total: MonomialSums, sets: dict[int, list[tuple[int, ...]]], support: tuple[int, ...]
) -> list[MonomialSummary]:
    """Turn sums into correlations, degree by degree."""
    summaries = []
    for degree in sets:
        n_inside = math.comb(len(support), degree)
        correlation = (total.sums[degree] / total.count).abs()
        # p lies in [0, 1] and is near 0 or 1 for a trained network, so E[p^2] <= E[p] = 1/2.
        noise = math.sqrt(0.5 / total.count)
        summaries.append(MonomialSummary(degree, correlation[:n_inside], correlation[n_inside:], noise))
    return summaries
