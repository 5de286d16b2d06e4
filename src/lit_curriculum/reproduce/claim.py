"""A claim: one sentence of a paper, the quantity that it is about, and the rule by which it is judged."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lit_curriculum.reproduce.predicates import Predicate, Verdict
from lit_curriculum.reproduce.results import PerSeed, Results

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
        expected: ``fails: reason`` or ``inconclusive: reason`` where that is known of this scale; it counts
            as what it is all the same, and an unexpected success is said.
        note: what else to know about the number; or a function of the results that says it.
    """

    id: str
    statement: str
    quantity: Quantity
    rule: Predicate
    paper: float | str | None = None
    expected: str = ""
    note: str | Callable[[Results], str] = ""

    def expecting(self, outcome: str) -> Claim:
        """Return the claim with an expected outcome."""
        return replace(self, expected=outcome)

    def judge(self, results: Results, evaluated: bool = True) -> dict[str, Any]:
        """Return the record of claims.json.

        Args:
            results: what was measured.
            evaluated: False at smoke scale, where nothing is judged.
        """
        values = list(self.quantity(results).values())
        verdict = self.rule.judge(values) if evaluated else None
        note = self.note(results) if callable(self.note) else self.note
        return {
            "id": self.id,
            "statement": self.statement,
            "paper_value": self.paper,
            "measured": _mean(values),
            "spread": _spread(values),
            "values": [value if abs(value) != float("inf") else None for value in values],
            "rule": str(self.rule),
            "status": verdict.status if verdict else "not_evaluated",
            **_evidence(verdict),
            "expected": self.expected,
            "note": note,
        }


def unexpected(record: dict[str, Any]) -> bool:
    """Tell whether a claim fails that was not expected to."""
    return record["status"] == "fails" and not str(record.get("expected", "")).startswith("fails")


def surprising(record: dict[str, Any]) -> bool:
    """Tell whether a claim holds that was expected not to."""
    return record["status"] == "holds" and bool(record.get("expected"))


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
    mean = statistics.fmean(values)
    return mean if abs(mean) != float("inf") else None


def _spread(values: Sequence[float]) -> float | None:
    if len(values) < 2 or any(abs(value) == float("inf") for value in values):
        return None
    return statistics.stdev(values)
