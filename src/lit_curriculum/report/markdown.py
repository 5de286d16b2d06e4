"""The report as Markdown, and the part of it that a README keeps between markers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from lit_curriculum.errors import bad_value
from lit_curriculum.report import numbers
from lit_curriculum.report.collect import Claim, Outcome
from lit_curriculum.report.rows import ILLUSTRATIONS
from lit_curriculum.report.scorecard import Card, Entry, counted, papers
from lit_curriculum.reproduce.figure import ALL_SCALES

PARTS = ("summary", "table")
"""What can stand between ``<!-- lit report: NAME -->`` and ``<!-- end -->``."""

_MARKED = re.compile(r"(<!-- lit report: ([a-z]*) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(card: Card, beside: Path) -> str:
    """Return the whole report.

    Args:
        card: the score.
        beside: the folder in which it will lie; links lead from there.
    """
    parts = ["# What has been reproduced\n", card.summary() + "\n", "## Scorecard\n"]
    for paper, title in papers(card).items():
        if entries := card.of(paper):
            parts += [f"**{paper}**: {title}\n", _scores(entries)]
    parts += [ILLUSTRATIONS + "\n", "## Results\n", *(_result(outcome, beside) for outcome in card.outcomes)]
    return "\n".join(parts)


def summary(card: Card) -> str:
    """Return how many claims hold, fail, are inconclusive, in a line."""
    return counted(card.largest) + "\n"


def table(card: Card, beside: Path) -> str:
    """Return the table of results, paper by paper: target, what it shows, how many claims hold.

    A target stands there once, at the scale that counts (`scorecard.largest`), which is named where it is not
    laptop. Targets come in the order of ``findings.json``, then the others; those of smaller scales last.
    """
    parts = []
    for paper in papers(card):
        found = [outcome for outcome in card.largest if outcome.paper == paper]
        rows = [
            (
                f"[`{outcome.target}`]({_link(outcome.folder, beside)}){_scale(outcome)}",
                outcome.finding or outcome.title,
                f"{outcome.counts()['holds']} of {len(outcome.claims)}",
            )
            for outcome in sorted(found, key=lambda o: (-ALL_SCALES.index(o.scale), o.place))
        ]
        if rows:
            parts.append(f"**{paper}**\n\n{_table(('target', 'what it shows', 'claims that hold'), rows)}")
    return "\n".join(parts)


def updated(text: str, card: Card, beside: Path, key: str) -> str:
    """Return a text in which what lies between the markers is of now.

    Raises:
        UsageError: if it has no markers, or some for what there is not.
    """
    made = {"summary": summary(card), "table": f"\n{table(card, beside)}\n"}
    names = [match[2] for match in _MARKED.finditer(text)]
    if not names or not set(names) <= made.keys():
        wanted = " or ".join(f"<!-- lit report: {name} -->" for name in PARTS)
        raise bad_value(
            key, ", ".join(names) or "no markers", f"a text with {wanted}, and <!-- end --> after it"
        )
    return _MARKED.sub(lambda match: match[1] + made[match[2]] + match[3], text)


def _scores(entries: Iterable[Entry]) -> str:
    rows = [
        (
            entry.row.item,
            entry.row.shows,
            entry.state.replace("_", " "),
            ", ".join(
                f"`{outcome.target}` ({outcome.scale}) {outcome.counts()['holds']} of {len(outcome.claims)}"
                for outcome in entry.outcomes
            ),
        )
        for entry in entries
    ]
    return _table(("of the paper", "what it shows there", "state", "our results: claims that hold"), rows)


def _result(outcome: Outcome, beside: Path) -> str:
    image = outcome.folder / "figure.png"
    shown = f"![{outcome.title}]({_link(image, beside)})\n\n" if image.is_file() else ""
    made = f"`{outcome.command}`; {numbers.cost(outcome)}; machine: "
    made += f"{outcome.machine or 'not recorded'}; commit: {outcome.commit or 'not recorded'}; "
    made += f"seeds: {', '.join(map(str, outcome.seeds))}"
    heads = ("claim", "holds if", "paper", "ours", "interval", "seeds", "effect size", "status")
    claims = _table(heads, [_claim(claim) for claim in outcome.claims])
    return f"### {outcome.target}, {outcome.scale} scale\n\n{outcome.title}\n\n{shown}{claims}\n{made}\n"


def _scale(outcome: Outcome) -> str:
    return "" if outcome.scale == "laptop" else f" ({outcome.scale})"


def _claim(claim: Claim) -> tuple[str, ...]:
    return (
        claim.statement,
        claim.rule,
        numbers.shown(claim.paper_value),
        numbers.shown(claim.measured),
        numbers.interval(claim),
        numbers.seeds(claim),
        numbers.effect(claim),
        claim.status.replace("_", " "),
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(map(_cell, row))} |\n" for row in (heads, *rows)]
    return "".join([lines[0], "|---" * len(heads) + "|\n", *lines[1:]])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _link(path: Path, beside: Path) -> str:
    return Path(os.path.relpath(path.resolve(), beside.resolve())).as_posix().replace(" ", "%20")
