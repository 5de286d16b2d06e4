"""When a claim holds: rules that can say no, that chance alone does not please, and that print themselves.

A rule judges one value per seed. Thresholds ask every seed. Comparisons ask for a mean that differs from zero
by more than its seeds leave room for: the one-sided 95 % bound of Student's t. "Does not differ" is shown by
equivalence within a stated margin, never by the absence of a difference.
"""

from __future__ import annotations

import math
import statistics
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["holds", "fails", "inconclusive"]

LEVEL = 0.95
"""Of the one-sided bounds."""
POWER = 0.8
"""With which the effect that was seen would be found by the number of seeds that a verdict names."""
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Verdict:
    """What a rule says of values.

    Attributes:
        status: see `Status`.
        low, high: one-sided 95 % bounds of the mean, None where the rule asks every seed.
        effect: mean in standard deviations (of the differences, where they are paired); None for one value.
        p: one-sided, of a rank test; None for other rules.
        needed: seeds with which the effect that was seen would be found; None unless inconclusive.
    """

    status: Status
    low: float | None = None
    high: float | None = None
    effect: float | None = None
    p: float | None = None
    needed: int | None = None


class Predicate(ABC):
    """A rule over one value per seed. Its text is what claims.json and the table show."""

    @abstractmethod
    def judge(self, values: Sequence[float]) -> Verdict:
        """Judge one value per seed. A seed without one (nan) makes a claim fail.

        Raises:
            ValueError: for no value at all.
        """

    @abstractmethod
    def __str__(self) -> str: ...


@dataclass(frozen=True)
class AtLeast(Predicate):
    """Every seed is at or above a threshold."""

    threshold: float

    def judge(self, values: Sequence[float]) -> Verdict:
        """See `Predicate.judge`."""
        return Verdict("holds" if all(value >= self.threshold for value in _some(values)) else "fails")

    def __str__(self) -> str:
        return f"at least {self.threshold:g} in every seed"


@dataclass(frozen=True)
class AtMost(Predicate):
    """Every seed is at or below a threshold."""

    threshold: float

    def judge(self, values: Sequence[float]) -> Verdict:
        """See `Predicate.judge`."""
        return Verdict("holds" if all(value <= self.threshold for value in _some(values)) else "fails")

    def __str__(self) -> str:
        return f"at most {self.threshold:g} in every seed"


@dataclass(frozen=True)
class Between(Predicate):
    """Every seed is between two thresholds, these included."""

    low: float
    high: float

    def judge(self, values: Sequence[float]) -> Verdict:
        """See `Predicate.judge`."""
        return Verdict("holds" if all(self.low <= v <= self.high for v in _some(values)) else "fails")

    def __str__(self) -> str:
        return f"from {self.low:g} to {self.high:g} in every seed"


@dataclass(frozen=True)
class MeanAbove(Predicate):
    """The mean lies above a value: its one-sided 95 % bound does. With 0, a comparison paired by seed.

    It fails if the bound on the other side lies below the value. One seed says nothing.
    """

    value: float = 0.0

    def judge(self, values: Sequence[float]) -> Verdict:
        """See `Predicate.judge`."""
        if not all(map(math.isfinite, _some(values))):
            return Verdict("fails")
        low, high = bounds(values)
        status: Status = "holds" if low > self.value else "fails" if high < self.value else "inconclusive"
        effect = effect_size([value - self.value for value in values])
        needed = seeds_needed(effect) if status == "inconclusive" else None
        return Verdict(status, _finite(low), _finite(high), effect, needed=needed)

    def __str__(self) -> str:
        return f"one-sided 95 % bound of the mean above {self.value:g}"


@dataclass(frozen=True)
class MeanBelow(Predicate):
    """The mean lies below a value: `MeanAbove` of the other sign."""

    value: float = 0.0

    def judge(self, values: Sequence[float]) -> Verdict:
        """See `Predicate.judge`."""
        other = MeanAbove(-self.value).judge([-value for value in values])
        low, high = (None if bound is None else -bound for bound in (other.high, other.low))
        effect = None if other.effect is None else -other.effect
        return Verdict(other.status, low, high, effect, needed=other.needed)

    def __str__(self) -> str:
        return f"one-sided 95 % bound of the mean below {self.value:g}"


@dataclass(frozen=True)
class MeanWithin(Predicate):
    """The mean lies within a margin of a value (two one-sided tests): equivalence."""

    margin: float
    value: float = 0.0

    def judge(self, values: Sequence[float]) -> Verdict:
        """See `Predicate.judge`."""
        if not all(map(math.isfinite, _some(values))):
            return Verdict("fails")
        low, high = bounds(values)
        inside = self.value - self.margin < low and high < self.value + self.margin
        outside = high < self.value - self.margin or low > self.value + self.margin
        status: Status = "holds" if inside else "fails" if outside else "inconclusive"
        return Verdict(
            status, _finite(low), _finite(high), effect_size([value - self.value for value in values])
        )

    def __str__(self) -> str:
        around = f" of {self.value:g}" if self.value else " of zero"
        return f"95 % bounds of the mean within {self.margin:g}{around}"


@dataclass(frozen=True)
class WithinFactor(Predicate):
    """The geometric mean lies within a factor of a value: `MeanWithin` of the logarithms."""

    factor: float
    value: float

    def judge(self, values: Sequence[float]) -> Verdict:
        """See `Predicate.judge`."""
        if not all(0 < value < math.inf for value in _some(values)):
            return Verdict("fails")
        logs = [math.log(value / self.value) for value in values]
        verdict = MeanWithin(math.log(self.factor)).judge(logs)
        low, high = (
            None if bound is None else self.value * math.exp(bound) for bound in (verdict.low, verdict.high)
        )
        return Verdict(verdict.status, low, high, verdict.effect)

    def __str__(self) -> str:
        return f"95 % bounds of the geometric mean within a factor {self.factor:g} of {self.value:g}"


@dataclass(frozen=True)
class Sooner(Predicate):
    """Steps saved, paired by seed, are above zero by Wilcoxon's exact signed-rank test, one-sided at 5 %.

    For steps to a level, which are censored: a seed whose run ended before it counts with an infinite or
    the largest number of steps; only ranks are read. Five seeds are the least that can hold.
    """

    def judge(self, values: Sequence[float]) -> Verdict:
        """See `Predicate.judge`."""
        if any(map(math.isnan, _some(values))):
            return Verdict("fails")
        p, other = signed_rank_p(values), signed_rank_p([-value for value in values])
        status: Status = "holds" if p <= 1 - LEVEL else "fails" if other <= 1 - LEVEL else "inconclusive"
        return Verdict(status, p=p, needed=5 if status == "inconclusive" and len(values) < 5 else None)

    def __str__(self) -> str:
        return "more than zero by the signed-rank test (one-sided, p at most 0.05)"


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return the lower and the upper one-sided 95 % bound of a mean; infinite for one value."""
    from scipy import stats

    _numbers(values)
    if len(values) == 1:
        return -math.inf, math.inf
    reach = float(stats.t.ppf(LEVEL, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.fmean(values)
    return mean - reach, mean + reach


def effect_size(values: Sequence[float]) -> float | None:
    """Return the mean in standard deviations; None for one value, or where all are equal."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return statistics.fmean(values) / spread if spread > 0 else None


def seeds_needed(effect: float | None) -> int | None:
    """Return with how many seeds a comparison would find an effect with `POWER`; None if with none."""
    from scipy import stats

    if effect is None or effect == 0:
        return None
    size, low, high = abs(effect), 2, MOST_SEEDS

    def found(n: int) -> bool:
        critical = stats.t.ppf(LEVEL, n - 1)
        return bool(stats.nct.sf(critical, n - 1, size * math.sqrt(n)) >= POWER)

    if not found(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle + 1, high)
    return low


def signed_rank_p(values: Sequence[float]) -> float:
    """Return the exact one-sided p of Wilcoxon's signed-rank test that values lie above zero.

    Zeros are left out; equal sizes share their ranks. Enumerates the signs, so up to some twenty values.
    """
    from scipy import stats

    moved = [value for value in values if value != 0]
    if not moved:
        return 1.0
    ranks = [float(rank) for rank in stats.rankdata([abs(value) for value in moved])]
    seen = sum(rank for rank, value in zip(ranks, moved, strict=True) if value > 0)
    sums: dict[float, int] = {0.0: 1}
    for rank in ranks:
        grown = dict(sums)
        for total, count in sums.items():
            grown[total + rank] = grown.get(total + rank, 0) + count
        sums = grown
    as_large = sum(count for total, count in sums.items() if total >= seen)
    return float(as_large / 2 ** len(ranks))


def _some(values: Sequence[float]) -> Sequence[float]:
    if not values:
        raise ValueError("no value; at least one is needed")
    return values


def _numbers(values: Sequence[float]) -> Sequence[float]:
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"values that are finite numbers, at least one, not {list(values)}")
    return values


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
