"""Tables that are read in 80 columns, and of which a pipe gets every digit."""

from __future__ import annotations

import re

from rich.console import Console
from rich.table import Table

_ABBREVIATED = {"accuracy": "acc", "nonterminals": "nonterm"}
_WIDEST = 100_000


def header(name: str) -> str:
    """Return a metric's name as a header, a word a line: ``test/accuracy`` as ``test`` over ``acc``."""
    return "\n".join(_ABBREVIATED.get(word, word) for word in re.split("[_/]", name))


def number(value: float) -> str:
    """Return a number with four decimals; ``<1e-4`` for one that they would make 0."""
    if 0 < value < 1e-4:
        return "<1e-4"
    return ">-1e-4" if -1e-4 < value < 0 else f"{value:.4f}"


def show_whole(table: Table) -> None:
    """Print a table, wider than the terminal rather than with numbers cut off or broken."""
    here = Console()
    needed = Console(width=_WIDEST).measure(table).maximum
    Console(width=max(here.width, needed)).print(table)
