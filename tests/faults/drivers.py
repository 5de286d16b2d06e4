"""What every driver of faults shares: it counts what it tried and what it survived."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = "LIT_FAULTS_OUT"
"""Environment variable: a folder into which each driver writes a line of JSON, or not set."""


@dataclass(frozen=True)
class Tally:
    """What a driver did.

    Attributes:
        name: of the driver, in words that a table can show.
        tried: faults made.
        survived: those after which everything was as it should be.
    """

    name: str
    tried: int
    survived: int


def report(tally: Tally) -> Tally:
    """Append a tally to ``$LIT_FAULTS_OUT/<name>.jsonl``, if there is such a folder, and return it."""
    folder = os.environ.get(FOLDER)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with (Path(folder) / f"{tally.name.replace(' ', '_')}.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(tally)) + "\n")
    return tally
