"""The implicit degree curriculum of sparse parity: only a checkpoint inside the transition helps (figure 2).

Three candidate checkpoints of the teacher, at the beginning, in the middle and at the end of its phase
transition, are found from its accuracy alone. In the middle its prediction correlates with the support's
coordinates, and only that checkpoint, for T steps before the final one, teaches a narrow student.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale
from lit_curriculum.papers.progressive import candidates, parity
from lit_curriculum.papers.progressive.parity import Parity
from lit_curriculum.runs.graph import Lab

SETTINGS: dict[Scale, Parity] = parity.SETTINGS_FIG2


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "about 5 minutes on two cores",
        "paper": "per seed one teacher of width 50,000 and three students of width 100, 20M samples each",
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
        candidates.gap(rows, seeds, scale, 1, paper_value="0.095 in, 0.02 off (peak)"),
        candidates.gap_closes(rows, seeds, scale),
    ]
