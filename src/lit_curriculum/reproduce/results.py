"""What a figure measured: one tidy table, and what can be asked of it.

    arm,seed,step,metric,value[,axes of the figure...]

An arm is a condition that is compared, a metric what was measured of it after so many updates. A figure's own
axes (``heads``, ``num_steps``, ``d``) are further columns. Whatever is asked for and is not there raises: a
claim over every seed must not lose one.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lit_curriculum.errors import UsageError
from lit_curriculum.files import write_with
from lit_curriculum.reading import read_table

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
Curve = list[tuple[float, float]]

COLUMNS = ("arm", "seed", "step", "metric", "value")


class MissingData(ValueError):
    """A seed, arm or metric that was asked for and is not in the table."""


class PerSeed(Mapping[int, float]):
    """One number for each seed, ascending. Arithmetic pairs by seed."""

    def __init__(self, values: Mapping[int, float]) -> None:
        self._values = {seed: float(values[seed]) for seed in sorted(values)}

    def __getitem__(self, seed: int) -> float:
        return self._values[seed]

    def __iter__(self) -> Iterator[int]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"PerSeed({self._values})"

    def __sub__(self, other: PerSeed | float) -> PerSeed:
        return self._paired(other, lambda a, b: a - b)

    def __truediv__(self, other: PerSeed | float) -> PerSeed:
        return self._paired(other, lambda a, b: a / b)

    def map(self, change: Callable[[float], float]) -> PerSeed:
        """Return the numbers after a change of each."""
        return PerSeed({seed: change(value) for seed, value in self.items()})

    def _paired(self, other: PerSeed | float, apply: Callable[[float, float], float]) -> PerSeed:
        if not isinstance(other, PerSeed):
            return self.map(lambda value: apply(value, other))
        if set(self) != set(other):
            raise MissingData(f"seeds {sorted(set(self) ^ set(other))} are in one of two arms alone")
        return PerSeed({seed: apply(value, other[seed]) for seed, value in self.items()})


def largest(*of: PerSeed) -> PerSeed:
    """Return each seed's largest number of several."""
    return PerSeed({seed: max(one[seed] for one in of) for seed in of[0]})


def smallest(*of: PerSeed) -> PerSeed:
    """Return each seed's smallest number of several."""
    return PerSeed({seed: min(one[seed] for one in of) for seed in of[0]})


def mean_of(*of: PerSeed) -> PerSeed:
    """Return each seed's mean of several numbers."""
    return PerSeed({seed: math.fsum(one[seed] for one in of) / len(of) for seed in of[0]})


def saved(slow: PerSeed, fast: PerSeed) -> PerSeed:
    """Return how many steps one takes fewer than another, seed by seed.

    It is infinite where only one of them arrives, and 0 where neither does: ranks can be taken of it.
    """
    return PerSeed({seed: 0.0 if slow[seed] == fast[seed] else slow[seed] - fast[seed] for seed in slow})


class Results:
    """The table. Selections are tables again.

    Args:
        frame: with `COLUMNS` and any axes.
        seeds: seeds that every answer must have; None for those of the arm that is asked for.
    """

    def __init__(self, frame: pd.DataFrame, seeds: Sequence[int] | None = None) -> None:
        lacking = [name for name in COLUMNS if name not in frame.columns]
        if lacking:
            raise MissingData(f"a table without the columns {lacking}")
        self.frame = frame
        self.seeds = None if seeds is None else tuple(sorted(seeds))

    @classmethod
    def of(cls, rows: Iterable[Row], seeds: Sequence[int] | None = None) -> Results:
        """Make a table of rows."""
        import pandas as pd

        frame = pd.DataFrame(list(rows))
        if frame.empty:
            raise MissingData("no rows")
        axes = [name for name in frame.columns if name not in COLUMNS]
        return cls(frame[[*COLUMNS, *axes]], seeds)

    @classmethod
    def read(cls, path: Path, seeds: Sequence[int] | None = None) -> Results:
        """Read data.csv.

        Raises:
            UsageError: if it cannot be read, is no such table, has no row, or a number that is not finite.
        """
        import pandas as pd

        rows = read_table(path, needed=COLUMNS)
        if not rows:
            raise UsageError(f"table: {path} has no row; allowed: at least one")
        frame = pd.DataFrame(rows)
        for name in frame.columns:
            with contextlib.suppress(ValueError, TypeError):
                frame[name] = pd.to_numeric(frame[name]) if name not in ("arm", "metric") else frame[name]
        for name in ("seed", "step", "value"):
            numbers = frame[name]
            if not pd.api.types.is_numeric_dtype(numbers) or not numbers.map(math.isfinite).all():
                raise UsageError(f"table: {path}: {name}: not a finite number in every row")
        return cls(frame, seeds)

    def write(self, path: Path) -> None:
        """Write data.csv, atomically; floats as they are."""
        write_with(path, lambda temporary: self.frame.to_csv(temporary, index=False, lineterminator="\n"))

    def where(self, **axes: Any) -> Results:
        """Return the rows with these values of axes.

        Raises:
            MissingData: if there are none.
        """
        frame = self.frame
        for name, value in axes.items():
            if name not in frame.columns:
                raise MissingData(f"no axis {name!r}; there are {list(frame.columns)}")
            frame = frame[frame[name] == value]
        if frame.empty:
            raise MissingData(f"no rows with {axes}")
        return Results(frame, self.seeds)

    def only(self, seeds: Sequence[int]) -> Results:
        """Return the table of these seeds alone, all of which every answer must have."""
        return Results(self.frame[self.frame["seed"].isin(list(seeds))], seeds)

    def values(self, axis: str) -> list[Any]:
        """Return the different values of a column, ascending."""
        return sorted(self.frame[axis].unique().tolist())

    def metrics(self, prefix: str = "") -> list[str]:
        """Return the metrics that begin like this, sorted."""
        return [name for name in self.values("metric") if str(name).startswith(prefix)]

    def history(self, arm: str, metric: str) -> dict[int, Curve]:
        """Return each seed's (step, value), steps ascending.

        Raises:
            MissingData: if the arm, the metric or a seed is missing.
        """
        rows = self._rows.get((arm, metric))
        if rows is None:
            arms, metrics = (", ".join(map(str, self.frame[c].unique())) for c in ("arm", "metric"))
            raise MissingData(f"no {metric!r} of {arm!r}; there are the arms {arms} and of them {metrics}")
        found: dict[int, Curve] = {}
        for seed, step, value in zip(*(column[rows] for column in self._numbers), strict=True):
            found.setdefault(int(seed), []).append((float(step), float(value)))
        found = {seed: sorted(found[seed]) for seed in sorted(found)}
        missing = sorted(set(self.seeds or ()) - set(found))
        if missing:
            raise MissingData(f"{metric!r} of {arm!r} lacks the seeds {missing}")
        return found if self.seeds is None else {seed: found[seed] for seed in self.seeds}

    @cached_property
    def _rows(self) -> Mapping[Any, Any]:
        """Positions of the rows of each arm and metric: claims ask for hundreds of histories of one table."""
        return self.frame.groupby(["arm", "metric"], sort=False).indices

    @cached_property
    def _numbers(self) -> tuple[Any, ...]:
        return tuple(self.frame[name].to_numpy() for name in ("seed", "step", "value"))

    def curves(self, arm: str, metric: str) -> list[Curve]:
        """Return one curve for each seed."""
        return list(self.history(arm, metric).values())

    def final(self, arm: str, metric: str) -> PerSeed:
        """Return the last value."""
        return self._each(arm, metric, lambda curve: curve[-1][1])

    def first(self, arm: str, metric: str) -> PerSeed:
        """Return the first value."""
        return self._each(arm, metric, lambda curve: curve[0][1])

    def best(self, arm: str, metric: str) -> PerSeed:
        """Return the largest value."""
        return self._each(arm, metric, lambda curve: max(value for _, value in curve))

    def mean(self, arm: str, metric: str) -> PerSeed:
        """Return the mean over the run."""
        return self._each(arm, metric, lambda curve: math.fsum(v for _, v in curve) / len(curve))

    def at(self, arm: str, metric: str, step: float) -> PerSeed:
        """Return the value at the last measurement not after a step.

        Raises:
            MissingData: if a seed was not measured until then.
        """

        def value(curve: Curve) -> float:
            until = [v for s, v in curve if s <= step]
            if not until:
                raise MissingData(f"{metric!r} of {arm!r} was not measured until step {step:g}")
            return until[-1]

        return self._each(arm, metric, value)

    def steps_to(self, arm: str, metric: str, level: float, times: int = 1) -> PerSeed:
        """Return the first step from which on ``times`` measurements in a row reach a level; inf if never."""

        def reached(curve: Curve) -> float:
            for i in range(len(curve) - times + 1):
                if all(value >= level for _, value in curve[i : i + times]):
                    return curve[i][0]
            return math.inf

        return self._each(arm, metric, reached)

    def paired(self, a: str, b: str, metric: str) -> PerSeed:
        """Return how far the last value of arm ``a`` is above that of ``b``."""
        return self.final(a, metric) - self.final(b, metric)

    def _each(self, arm: str, metric: str, read: Callable[[Curve], float]) -> PerSeed:
        return PerSeed({seed: read(curve) for seed, curve in self.history(arm, metric).items()})
