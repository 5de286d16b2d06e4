"""The report as one table for other programs: a line for each claim, and for each row that has none."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from lit_curriculum.report.collect import Claim, Outcome
from lit_curriculum.report.scorecard import Card

COLUMNS = (
    *(
        "paper",
        "item",
        "state",
        "target",
        "scale",
        "claim",
        "statement",
        "paper_value",
        "measured",
        "low",
        "high",
    ),
    *("spread", "values", "rule", "status", "effect", "p", "seeds_needed", "expected", "note"),
    *("seeds", "wall_seconds", "run_seconds", "machine", "commit", "command"),
)
"""Of the table; numbers as claims.json has them, lists as JSON."""


def render(card: Card) -> str:
    """Return the table as CSV."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_lines(card))
    return stream.getvalue()


def _lines(card: Card) -> Iterator[dict[str, Any]]:
    for entry in card.entries:
        known = {"paper": entry.row.paper, "item": entry.row.item, "state": entry.state}
        if not any(outcome.claims for outcome in entry.outcomes):
            yield {**known, "target": entry.row.targets[0] if entry.written else ""}
        for outcome in entry.outcomes:
            yield from ({**known, **_line(outcome, claim)} for claim in outcome.claims)
    for outcome in card.others:
        yield from ({"paper": outcome.paper, **_line(outcome, claim)} for claim in outcome.claims)
    for outcome in card.changed:
        changed = {"paper": outcome.paper, "state": "changed"}
        yield from ({**changed, **_line(outcome, claim)} for claim in outcome.claims)


def _line(outcome: Outcome, claim: Claim) -> dict[str, Any]:
    same = ("statement", "paper_value", "measured", "low", "high", "spread", "rule", "status", "effect", "p")
    return {
        **{name: getattr(claim, name) for name in (*same, "seeds_needed", "expected", "note")},
        **{name: getattr(outcome, name) for name in ("target", "scale", "wall_seconds", "run_seconds")},
        **{name: getattr(outcome, name) for name in ("machine", "commit")},
        "claim": claim.id,
        "values": json.dumps(claim.values),
        "seeds": json.dumps(outcome.seeds),
        "command": outcome.command,
    }
