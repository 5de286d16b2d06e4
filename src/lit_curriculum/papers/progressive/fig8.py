"""The implicit degree curriculum of sparse parity, with wider students (figure 8).

Figure 2 again, its teachers included, for students ten times as wide: the checkpoint in the middle of the
teacher's transition teaches them, and those at its beginning and end do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale
from lit_curriculum.papers.progressive import candidates, parity
from lit_curriculum.papers.progressive.parity import Parity
from lit_curriculum.runs.graph import Lab

SETTINGS: dict[Scale, Parity] = parity.SETTINGS_FIG8


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "about 8 minutes on two cores, the half after figure 2, whose teachers it has",
        "paper": "after figure 2 three students of width 1,000 per seed, 20M samples each",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train teachers with their correlations, and a student from each candidate."""
    return candidates.compare(lab, SETTINGS[scale])


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw the teacher's accuracy, its correlations, and the students."""
    return candidates.draw_candidates(rows, SETTINGS[scale])


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge which candidate teaches, and the correlations at the middle one."""
    seeds = SETTINGS[scale].seeds
    return [
        candidates.middle_solves(rows, seeds, scale),
        candidates.outside_stuck(rows, seeds, scale),
        candidates.gap(rows, seeds, scale, 1),
        candidates.gap_closes(rows, seeds, scale),
    ]
