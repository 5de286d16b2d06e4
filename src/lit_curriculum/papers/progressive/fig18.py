"""Hierarchical parity: which checkpoints the wider student needs (figure 18).

The teacher learns the tree level by level. Its middle checkpoint of the first level's rise and that of the
last level's, found from its decisions alone, teach T steps each before the final one; beside it each of the
two alone, and none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale
from lit_curriculum.papers.progressive import hierarchical
from lit_curriculum.papers.progressive.hierarchical import Tree
from lit_curriculum.runs.graph import Lab

SETTINGS: dict[Scale, Tree] = hierarchical.WIDE


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "about 10 minutes on two cores",
        "paper": "per seed one teacher of width 50,000 and five students of width 1000, and the search",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train teachers and students of every way and return test accuracies."""
    return hierarchical.compare(lab, SETTINGS[scale])


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw the teacher's levels, and the students."""
    return hierarchical.draw_ways(rows, SETTINGS[scale])


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge which checkpoints a student needs."""
    return hierarchical.claims_of_ways(rows, SETTINGS[scale], scale)
