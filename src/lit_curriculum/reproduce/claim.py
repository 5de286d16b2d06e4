"""A claim: one sentence of a paper, the quantity that it is about, and the rule by which it is judged."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lit_curriculum.reproduce.predicates import Predicate, Verdict
from lit_curriculum.reproduce.results import PerSeed, Results, largest

Status = Literal["holds", "fails", "inconclusive", "not_evaluated"]
Quantity = Callable[[Results], PerSeed]


@dataclass(frozen=True)
class Claim:
    """One falsifiable statement.

    Attributes:
        id: short name, unique in its figure.
        statement: what is claimed, in words.
        quantity: one number per seed, from the results alone.
        rule: when it holds.
        paper: the paper's number, or words; None if it gives none.
        note: what else to know about the number; or a function of the results that says it.
    """

    id: str
    statement: str
    quantity: Quantity
    rule: Predicate
    paper: float | str | None = None
    note: str | Callable[[Results], str] = ""

    def judge(self, results: Results, evaluated: bool = True, expected: str = "") -> dict[str, Any]:
        """Return the record of claims.json.

        Args:
            results: what was measured.
            evaluated: False at smoke scale, where nothing is judged.
            expected: what is known of it, see `Figure.known`.
        """
        values = list(self.quantity(results).values())
        verdict = self.rule.judge(values) if evaluated else None
        return {
            "id": self.id,
            "statement": self.statement,
            "paper_value": self.paper,
            "measured": _mean(values),
            "spread": _spread(values),
            "values": [value if math.isfinite(value) else None for value in values],
            "rule": str(self.rule),
            "status": verdict.status if verdict else "not_evaluated",
            **_evidence(verdict),
            "expected": expected,
            "note": self.note(results) if callable(self.note) else self.note,
        }


def final(arm: str, metric: str = "accuracy", **axes: Any) -> Quantity:
    """Return the quantity "last value of an arm"."""
    return lambda results: _at(results, axes).final(arm, metric)


def gain(better: str, *others: str, metric: str = "accuracy", **axes: Any) -> Quantity:
    """Return the quantity "how far an arm ends above the best of others", paired by seed."""

    def quantity(results: Results) -> PerSeed:
        chosen = _at(results, axes)
        return chosen.final(better, metric) - largest(*(chosen.final(other, metric) for other in others))

    return quantity


def unexpected(record: dict[str, Any]) -> bool:
    """Tell whether a claim fails that was not expected to."""
    return record["status"] == "fails" and not str(record.get("expected", "")).startswith("fails")


def surprising(record: dict[str, Any]) -> bool:
    """Tell whether a claim holds that was expected not to."""
    return record["status"] == "holds" and bool(record.get("expected"))


def listed(values: Sequence[float]) -> str:
    """Return values, one per seed, as a note tells them."""
    return ", ".join(f"{value:.2f}" for value in values)


def _at(results: Results, axes: dict[str, Any]) -> Results:
    return results.where(**axes) if axes else results


def _evidence(verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    kept = {
        "low": verdict.low,
        "high": verdict.high,
        "effect": verdict.effect,
        "p": verdict.p,
        "seeds_needed": verdict.needed,
    }
    return {name: value for name, value in kept.items() if value is not None}


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if all(map(math.isfinite, values)) else None


def _spread(values: Sequence[float]) -> float | None:
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    return statistics.stdev(values)
