"""Correlation of a teacher's prediction with low-degree monomials (progressive, section 3.1, R1).

For a set S of coordinates, |E[p_T(x)_c * prod_{i in S} x_i]|, where p_T(x)_c is the probability of class c.
A task declares groups of coordinates: sparse parity its support, a tree of parities the variables of each
node. A monomial belongs to a group if all its variables do, and is off if one of its variables is in none.
In the transition it is large for subsets of the support, and that is what the student learns from. The
estimate from n samples has a noise of about sqrt(E[p^2] / n): 0.002 at 100,000, 0.011 at 4,096, which
would hide the signal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch

from lit_curriculum.errors import bad_value

Sampler = Callable[[int, int], torch.Tensor]
Sums = dict[int, torch.Tensor]


@dataclass(frozen=True)
class MonomialSums:
    """Sums over samples; two of them add up, so devices can share the work.

    Attributes:
        count: number of samples.
        sums: for each degree, sum of p_c * prod x_i over the samples, float64, in the order of the monomials;
            shape (S,), or (K, S) where K classes were measured.
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


def grouped_sets(
    d: int, groups: Mapping[str, tuple[int, ...]], degree: int, max_off_support: int = 5000
) -> dict[str, list[tuple[int, ...]]]:
    """Return the monomials of one degree by group, and as ``off`` those with a variable outside all groups.

    A group with fewer variables than the degree has none. Monomials with variables of several groups are
    left out. For ``max_off_support`` see `monomial_sets`.

    Raises:
        UsageError: for a degree outside 1..3.
    """
    within = tuple(sorted({i for group in groups.values() for i in group}))
    others = monomial_sets(d, within, degree, max_off_support)[math.comb(len(within), degree) :]
    return {**{name: list(combinations(sorted(g), degree)) for name, g in groups.items()}, "off": others}


def accumulate(
    predict: Callable[[torch.Tensor], torch.Tensor],
    sample: Sampler,
    sets: dict[int, list[tuple[int, ...]]],
    start: int,
    count: int,
    batch: int = 8192,
) -> MonomialSums:
    """Sum p_c * monomial over samples ``start .. start + count - 1``.

    Args:
        predict: inputs (n, d) -> probability of a class (n,), or of K classes (n, K).
        sample: (start, count) -> inputs (count, d) of +-1.
        sets: monomials by degree, in any order.
        start: first sample.
        count: number of samples.
        batch: samples at a time.
    """
    return add_up([sums_of_batches(predict, sample, sets, start, count, batch)], count)


def sums_of_batches(
    predict: Callable[[torch.Tensor], torch.Tensor],
    sample: Sampler,
    sets: dict[int, list[tuple[int, ...]]],
    start: int,
    count: int,
    batch: int = 8192,
    rank: int = 0,
    world: int = 1,
) -> list[Sums]:
    """Return the sums over every ``world``-th batch from number ``rank`` on, each for itself.

    The batches are the same ones however many share them. For the other arguments see `accumulate`.
    """
    found: list[Sums] = []
    indices = {degree: torch.tensor(of_degree) for degree, of_degree in sets.items()}
    for first in range(start + rank * batch, start + count, world * batch):
        x = sample(first, min(batch, start + count - first))
        p = predict(x).to(x.dtype)
        sums: Sums = {}
        # Prefixes of length degree - 1 repeat a lot: one weighted product X' diag(p x_prefix) X holds all
        # their completions, and for degree 2 a single matrix product holds everything.
        for degree, index in indices.items():
            columns = p[:, None].unbind(1) if p.ndim == 1 else p.unbind(1)
            weighted = torch.stack([_weighted_sums(x, column, index) for column in columns]).double().cpu()
            sums[degree] = weighted[0] if p.ndim == 1 else weighted
        found.append(sums)
    return found


def add_up(shares: Sequence[Sequence[Sums]], count: int) -> MonomialSums:
    """Add the sums of all batches in the order of the batches: the same numbers for any number of shares.

    Args:
        shares: what `sums_of_batches` returned to each of those who shared the batches, by rank.
        count: samples in all.
    """
    total: Sums = {}
    for number in range(sum(map(len, shares))):
        for degree, added in shares[number % len(shares)][number // len(shares)].items():
            total[degree] = total[degree] + added if degree in total else added
    return MonomialSums(count, total)


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
    """Correlations of one degree with one class's probability.

    Attributes:
        degree: of the monomials.
        groups: |correlation| of each monomial of each group, ``off`` among them, in `grouped_sets` order.
        noise: standard error of one estimate.
    """

    degree: int
    groups: dict[str, torch.Tensor]
    noise: float


def summarise(
    total: MonomialSums, sets: dict[int, dict[str, list[tuple[int, ...]]]], n_classes: int = 2
) -> list[MonomialSummary]:
    """Turn sums (S,) into correlations, degree by degree.

    Args:
        total: sums over monomials in the order of `grouped_sets`, group after group.
        sets: monomials by degree and group.
        n_classes: classes of the task, equally frequent.
    """
    summaries = []
    for degree, groups in sets.items():
        correlation = (total.sums[degree] / total.count).abs()
        parts = torch.split(correlation, [len(group) for group in groups.values()])
        # p lies in [0, 1] and is near 0 or 1 for a trained network, so E[p^2] <= E[p] = 1 / classes.
        noise = math.sqrt(1 / n_classes / total.count)
        summaries.append(MonomialSummary(degree, dict(zip(groups, parts, strict=True)), noise))
    return summaries
