"""``lit report``: what has been reproduced, on one page."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.files import write_text
from lit_curriculum.reading import read_text
from lit_curriculum.report.scorecard import Card, scorecard
from lit_curriculum.runs.folder import check_writable

FORMATS = {".html": "html", ".md": "markdown", ".csv": "csv"}
"""Which format a file's ending asks for."""


def report(options: argparse.Namespace) -> int:
    """Run ``lit report`` and return its exit code.

    Raises:
        UsageError: for results that are missing or damaged, an unknown format, a file that cannot be written.
    """
    if options.update is not None:
        if options.out is not None or options.format is not None:
            raise UsageError("--update: got --out or --format with it; allowed: one of the two")
        return _update(Path(options.update), Path(options.results))
    out = Path(f"report{_ending(options.format)}" if options.out is None else options.out)
    kind = _format(options.format, out)
    if out.is_dir():
        raise bad_value("--out", str(out), "a file, not a folder")
    check_writable("--out", out.parent)
    card = scorecard(Path(options.results))
    write_text(out, _rendered(card, kind, out.parent))
    if kind == "html" and find_spec("plotly") is None:
        print(
            "note: without values to hover over; they need pip install 'lit_curriculum[report]'",
            file=sys.stderr,
        )
    print(f"{card.summary()}\nreport: {out}")
    return 0


def _format(wanted: str | None, out: Path) -> str:
    if wanted is not None:
        if wanted not in FORMATS.values():
            raise bad_value(
                "--format", wanted, ", ".join(FORMATS.values()) + suggest(wanted, FORMATS.values())
            )
        return wanted
    if out.suffix.lower() not in FORMATS:
        raise bad_value("--out", str(out), f"a name that ends in {', '.join(FORMATS)}, or --format with it")
    return FORMATS[out.suffix.lower()]


def _ending(wanted: str | None) -> str:
    return next((ending for ending, name in FORMATS.items() if name == wanted), ".html")


def _rendered(card: Card, kind: str, beside: Path) -> str:
    if kind == "csv":
        from lit_curriculum.report import comma_separated

        return comma_separated.render(card)
    if kind == "markdown":
        from lit_curriculum.report import markdown

        return markdown.render(card, beside)
    from lit_curriculum.report import html

    return html.render(card)


def _update(path: Path, results: Path) -> int:
    from lit_curriculum.report.markdown import updated

    text = read_text(path, "--update")
    card = scorecard(results)
    write_text(path, updated(text, card, path.parent, f"--update: {path}"))
    print(f"{card.summary()}\nupdated: {path}")
    return 0
