"""Controls of figure 4: two checkpoints in the wrong order, another teacher's, noise, an early one alone.

Two-shot distillation with the candidate in the middle of figure 4's, at its length.
"""

from __future__ import annotations

from lit_curriculum.papers.progressive._pcfg import DESIGNS, two_shot
from lit_curriculum.papers.progressive._pcfg_controls import Compared, figure_of, shared
from lit_curriculum.reproduce.controls import backwards
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.study import ALL_SCALES

SCALES = ALL_SCALES


def figure(scale: Scale) -> Figure:
    """Return final accuracy above labels alone."""
    design = DESIGNS[scale]
    middle = design.candidates[len(design.candidates) // 2]
    last = backwards("intermediate last", "The final checkpoint first and the intermediate one last")
    cost = {
        "smoke": "seconds",
        "quick": "teachers of two grammars, 24 students of 1,000 steps and 32 of their search; not run yet",
        "laptop": "10 teachers of 8,000 steps and 97 students of 2,000; two hours on two cores, half of it "
        "beyond figure 4",
        "paper": "per seed teachers of two grammars and 8 students of 4,000 steps, batch 512; never run",
    }
    return figure_of(
        Compared(
            design,
            two_shot(design.T[0], middle),
            "two-shot",
            (last, *shared(design)),
            design.student_steps,
        ),
        cost[scale],
    )
