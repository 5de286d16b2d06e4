"""The page: one file that needs nothing else, neither a network nor the results that it was made of."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from lit_curriculum import __version__
from lit_curriculum.reading import as_usage_error
from lit_curriculum.report import numbers
from lit_curriculum.report.collect import KEY, STATUSES, Outcome
from lit_curriculum.report.curves import charts
from lit_curriculum.report.pictures import smaller
from lit_curriculum.report.rows import ILLUSTRATIONS
from lit_curriculum.report.scorecard import STATES, Card, papers, statuses
from lit_curriculum.reproduce.figure import ALL_SCALES

WORDS = {
    "holds": "holds",
    "fails": "fails",
    "inconclusive": "inconclusive",
    "not_evaluated": "not evaluated",
    "not_run": "not run",
    "missing": "missing",
}
"""States and statuses, in words."""


def render(card: Card) -> str:
    """Return the page.

    Raises:
        UsageError: if a picture or data.csv is damaged.
    """
    environment = Environment(
        loader=PackageLoader("lit_curriculum.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": numbers.shown,
        "cost": numbers.cost,
        "code": _code,
        "anchor": anchor,
        "json": _json,
    }
    return environment.get_template("page.html").render(
        card=card,
        outcomes=card.outcomes,
        papers=papers(card),
        scales=ALL_SCALES,
        statuses=STATUSES,
        states=STATES,
        words=WORDS,
        illustrations=ILLUSTRATIONS,
        version=__version__,
        numbers=numbers,
        count=statuses,
        picture=picture,
        alternative=alternative,
        charts=lambda outcome: charts(outcome.folder),
        library=_library(),
    )


def anchor(outcome: Outcome) -> str:
    """Return what follows ``#`` in a link to a result."""
    return quote(outcome.id)


@dataclass(frozen=True)
class Picture:
    """An image inside the page: its data URI, and its size in pixels."""

    address: str
    width: int
    height: int


def picture(outcome: Outcome) -> Picture | None:
    """Return a result's figure; None if it has none."""
    content = outcome.picture()
    if content is None:
        return None
    with as_usage_error(outcome.folder / "figure.png", KEY):
        content, (width, height) = smaller(content)
    return Picture(f"data:image/png;base64,{base64.b64encode(content).decode()}", width, height)


def alternative(outcome: Outcome) -> str:
    """Return in words what a result's figure shows, for those who do not see it."""
    seen = outcome.counts()
    told = [f"{seen[status]} {WORDS[status]}" for status in STATUSES if seen[status]]
    judged = f" Of {len(outcome.claims)} claims: {', '.join(told)}." if told else ""
    return f"Figure of {outcome.target} ({outcome.scale}): {outcome.title}{judged} See the table for numbers."


def _library() -> Markup | None:
    """Return plotly's program, which draws values to hover over; None where it is not installed."""
    if find_spec("plotly") is None:
        return None
    from plotly.offline import get_plotlyjs

    # Strings and patterns are all in which a program can hold these; there the escape is the letter itself.
    return Markup(get_plotlyjs().replace("</", "<\\/").replace("<!--", "<\\!--"))


def _json(value: Any) -> Markup:
    """Return JSON that may stand in a script element: nothing in it can end that."""
    return Markup(json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def _code(text: str) -> Markup:
    """Return a text in which what stands between backticks is code."""
    parts = text.split("`")
    marked = (
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )
    return Markup("").join(marked) if len(parts) % 2 else escape(text)
