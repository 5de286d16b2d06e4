"""Controls of figure 1 (right): a teacher's checkpoints without their order, another's, noise, one alone.

Progressive distillation at the longest length of the figure.
"""

from __future__ import annotations

from lit_curriculum.papers.progressive._pcfg import DESIGNS, PROGRESSIVE
from lit_curriculum.papers.progressive._pcfg_controls import Compared, figure_of, shared
from lit_curriculum.reproduce.controls import backwards, shuffled
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.study import ALL_SCALES

SCALES = ALL_SCALES


def figure(scale: Scale) -> Figure:
    """Return final accuracy above labels alone."""
    design = DESIGNS[scale]
    controls = (shuffled(), backwards(), *shared(design))
    cost = {
        "smoke": "seconds",
        "quick": "teachers of two grammars, 27 students of 2,000 steps and 36 of their search; not run yet",
        "laptop": "10 teachers, 27 students of 4,000 steps and 83 of the search at 2,000; three hours on two "
        "cores, a good half of it beyond figures 1 (right) and 4",
        "paper": "per seed teachers of two grammars and 9 students of 16,000 steps, batch 512; never run",
    }
    return figure_of(Compared(design, PROGRESSIVE, "progressive", controls, design.horizons[-1]), cost[scale])
