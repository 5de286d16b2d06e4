"""Every figure, table and theorem of the three papers that can be reproduced, and the targets that do it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PAPERS = {
    "progressive": "Progressive distillation induces an implicit curriculum",
    "implicit": "Implicit intermediate supervision for learning complex functions",
    "subtask": "Sub-task decomposition enables learning in sequence to sequence tasks",
}
"""Short names and titles, in the order in which they are shown."""

ILLUSTRATIONS = (
    "Figures 3, 16, 20 and 21 of progressive only illustrate a definition: there is nothing to reproduce."
)


@dataclass(frozen=True)
class Row:
    """One thing that a paper shows.

    Attributes:
        paper: short name, of `PAPERS`.
        item: what the paper calls it.
        shows: what is to be seen there, in our words.
        targets: names for `lit reproduce`, of which some may not be written yet.
        claims: how the ids of its claims begin, where a target serves several rows.
    """

    paper: str
    item: str
    shows: str
    targets: tuple[str, ...]
    claims: str = ""

    @property
    def id(self) -> str:
        """A name that is unique: that of its first target, and of its claims there."""
        return f"{self.targets[0]}-{self.claims}".strip("-") if self.claims else self.targets[0]


@cache
def rows() -> tuple[Row, ...]:
    """Return all rows, paper by paper."""
    text = files(__package__).joinpath("rows.json").read_text(encoding="utf-8")
    return tuple(Row(**{**entry, "targets": tuple(entry["targets"])}) for entry in json.loads(text))
