"""How much each of several teachers counts, by the student's step."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lit_curriculum.errors import bad_value


@dataclass(frozen=True)
class Shares:
    """A teacher's share of the target, constant between the steps at which it changes.

    Attributes:
        starts: student steps from which on each value counts, ascending from 0.
        values: shares, 0 to 1.
    """

    starts: tuple[int, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, weight: float | Mapping[int, float] | None, key: str) -> Shares:
        """Return the shares that a setting says: one number for all steps, or one from each step on.

        Raises:
            UsageError: naming the setting, unless the steps ascend from 0 and each share is one.
        """
        if weight is None:
            return cls((0,), (1.0,))
        if not isinstance(weight, Mapping):
            if type(weight) not in (int, float) or not 0 < weight < 1:
                allowed = "above 0, below 1, or {step: share, ...}; left out for a teacher alone"
                raise bad_value(key, weight, allowed)
            return cls((0,), (float(weight),))
        starts, values = tuple(weight), tuple(weight.values())
        ascending = all(type(s) is int for s in starts) and list(starts) == sorted(starts)
        if not starts or starts[0] != 0 or not ascending:
            raise bad_value(key, dict(weight), "steps of the student, ascending from 0")
        if not all(type(v) in (int, float) and 0 <= v <= 1 for v in values):
            raise bad_value(key, dict(weight), "shares from 0 to 1")
        return cls(starts, tuple(float(v) for v in values))

    def at(self, step: int) -> float:
        """Return the share in the update that begins at ``step``."""
        return self.values[bisect.bisect_right(self.starts, step) - 1]

    def next_change(self, step: int) -> int | None:
        """Return the first step > ``step`` at which the share changes, or None."""
        after = bisect.bisect_right(self.starts, step)
        return self.starts[after] if after < len(self.starts) else None


def sums_to_one(shares: Sequence[Shares]) -> bool:
    """Tell whether the shares of all teachers of a run add up to 1 at every step."""
    changes = {start for one in shares for start in one.starts}
    return all(abs(sum(one.at(step) for one in shares) - 1) <= 1e-6 for step in changes)
