"""The score: which state each row of the papers has, and how many claims hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lit_curriculum.report.collect import STATUSES, Outcome, collect
from lit_curriculum.report.rows import PAPERS, Row, rows
from lit_curriculum.reproduce.figure import ALL_SCALES, targets

STATES = {
    "holds": "every claim holds",
    "fails": "a claim fails",
    "inconclusive": "no claim fails, some are inconclusive",
    "not_evaluated": "run at smoke scale only, where nothing is judged",
    "not_run": "there is a target, but no results",
    "missing": "there is no target yet",
}
"""What a row's state means."""

ENOUGH_SEEDS = 3
"""With which a scale counts before a larger one of fewer seeds."""


@dataclass(frozen=True)
class Entry:
    """A row and what has been made of it: results with the claims that are about it."""

    row: Row
    outcomes: tuple[Outcome, ...]
    written: bool

    @property
    def state(self) -> str:
        """One of `STATES`: that of its worst claim, at the scale that counts (`largest`)."""
        if not self.outcomes:
            return "not_run" if self.written else "missing"
        seen = statuses(largest(self.outcomes))
        return next((s for s in ("fails", "inconclusive", "holds") if seen[s]), "not_evaluated")

    @property
    def found_by(self) -> list[str]:
        """The states by which a filter finds it: its own, and those of its claims."""
        return list(dict.fromkeys([self.state, *statuses(self.outcomes)]))


@dataclass(frozen=True)
class Card:
    """All of it.

    Attributes:
        root: folder of the results.
        entries: one for each row of the papers.
        outcomes: all results, in the order of the rows.
        others: those of them that are of no row, with the target's own settings.
    """

    root: Path
    entries: tuple[Entry, ...]
    outcomes: tuple[Outcome, ...]
    others: tuple[Outcome, ...]

    @property
    def largest(self) -> tuple[Outcome, ...]:
        """The results of each target at the scale that counts: nothing counts twice, or if changed."""
        return largest([outcome for outcome in self.outcomes if not outcome.changes])

    @property
    def changed(self) -> tuple[Outcome, ...]:
        """Results with settings that are not the target's: shown, and counted nowhere."""
        return tuple(outcome for outcome in self.outcomes if outcome.changes)

    def of(self, paper: str) -> list[Entry]:
        """Return the rows of a paper."""
        return [entry for entry in self.entries if entry.row.paper == paper]

    def items(self, outcome: Outcome) -> list[str]:
        """Return what the papers call that of which a result is."""
        return [entry.row.item for entry in self.entries if outcome.target in entry.row.targets]

    def count(self, state: str) -> int:
        """Return how many rows have a state."""
        return sum(entry.state == state for entry in self.entries)

    def summary(self) -> str:
        """Return two sentences: how many claims hold, and what has become of the rows."""
        reproduced = sum(bool(entry.outcomes) for entry in self.entries)
        lacking = [(self.count("not_run"), "not run yet"), (self.count("missing"), "without a target")]
        rest = [f"{number} {words}" for number, words in lacking if number]
        end = f"; {' and '.join(rest)}" if rest else ""
        of = f"{reproduced} of the {len(self.entries)} figures, tables and theorems have results{end}."
        said = [counted(self.largest), of]
        if self.changed:
            said.append(f"With changed settings there are {len(self.changed)} more, which are not counted.")
        return " ".join(said)


def scorecard(root: Path) -> Card:
    """Return the score of a folder of results.

    Raises:
        UsageError: see `collect`.
    """
    found, known = collect(root), targets()
    own = [outcome for outcome in found if not outcome.changes]
    entries = tuple(_entry(row, own, known) for row in rows())
    order = list(dict.fromkeys(name for row in rows() for name in row.targets))
    unlisted = [outcome for outcome in found if outcome.target not in order]
    others = tuple(outcome for outcome in unlisted if not outcome.changes)
    ordered = tuple(outcome for name in order for outcome in found if outcome.target == name)
    return Card(root, entries, (*ordered, *unlisted), others)


def _entry(row: Row, found: Sequence[Outcome], known: Container[str]) -> Entry:
    outcomes = tuple(
        replace(outcome, claims=tuple(c for c in outcome.claims if c.id.startswith(row.claims)))
        for name in row.targets
        for outcome in found
        if outcome.target == name
    )
    return Entry(row, outcomes, any(name in known for name in row.targets))


def largest(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Return those of each target at the largest scale that it has with `ENOUGH_SEEDS`, else at its largest.

    One seed at the published size says less of a claim than several at a smaller one; it is shown beside.
    """

    def weight(outcome: Outcome) -> tuple[bool, int]:
        return len(outcome.seeds) >= ENOUGH_SEEDS, ALL_SCALES.index(outcome.scale)

    best: dict[str, tuple[bool, int]] = {}
    for outcome in outcomes:
        best[outcome.target] = max(best.get(outcome.target, (False, 0)), weight(outcome))
    return tuple(outcome for outcome in outcomes if weight(outcome) == best[outcome.target])


def statuses(outcomes: Iterable[Outcome]) -> Counter[str]:
    """Return how many claims of results have each status."""
    return Counter(claim.status for outcome in outcomes for claim in outcome.claims)


def counted(outcomes: Sequence[Outcome]) -> str:
    """Return in a sentence how many claims hold, fail, are inconclusive."""
    seen = statuses(outcomes)
    total = sum(seen[status] for status in STATUSES)
    more = f", {seen['not_evaluated']} are not evaluated" if seen["not_evaluated"] else ""
    verb = "fails" if seen["fails"] == 1 else "fail"
    open_ = f"{seen['inconclusive']} {'is' if seen['inconclusive'] == 1 else 'are'}"
    return f"{seen['holds']} of {total} claims hold, {seen['fails']} {verb}, {open_} inconclusive{more}."


def papers(card: Card) -> dict[str, str]:
    """Return short names and titles of the papers, then of what else has results."""
    more = {outcome.paper: outcome.paper for outcome in card.outcomes if outcome.paper not in PAPERS}
    return {**PAPERS, **more}
