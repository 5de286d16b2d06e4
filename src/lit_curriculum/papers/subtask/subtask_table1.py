"""Bit-subset parity with and without labels of its sub-tasks: accuracy, and steps until better than random.

Table 1 beside the paper's own numbers, as table.csv, table.md and a figure of the entries.
"""

from __future__ import annotations

from collections.abc import Sequence

from lit_curriculum.papers.figure import Claim, Row, Scale
from lit_curriculum.papers.subtask.claims import at_chance, lemma_1
from lit_curriculum.papers.subtask.parity import SETTINGS, WITH, WITHOUT, Subsets
from lit_curriculum.papers.subtask.table import growth, learned, target


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "21 runs of 300 to 6,000 steps; about 8 minutes",
        "paper": "42 runs of 85M parameters and up to 2M steps, and the search: 12 settings x 3 seeds a task",
    }[scale]


measure, table, draw = target(SETTINGS)


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge what labels make learnable, how the cost grows without them, and Lemma 1."""
    setting = SETTINGS[scale]
    made = [learned(rows, setting, cell, scale) for cell in setting.of(WITH)]
    made += growth(rows, setting, scale)
    made += _at_chance(rows, setting, scale)
    return [*made, lemma_1(rows, setting.cells, setting.seeds, scale)]


def _at_chance(rows: Sequence[Row], setting: Subsets, scale: Scale) -> list[Claim]:
    """At 16 bits, where labels have solved the task, plain training knows nothing."""
    both = [{cell.d: cell for cell in setting.of(method)}.get(16) for method in (WITH, WITHOUT)]
    if both[0] is None or both[1] is None:
        return []
    return [
        at_chance(
            "chance-without-labels-16-bits",
            "At the step where labels have solved 16 bits (95 %), plain training is at chance (test).",
            rows,
            both[0],
            both[1],
            setting.seeds,
            scale,
        )
    ]
