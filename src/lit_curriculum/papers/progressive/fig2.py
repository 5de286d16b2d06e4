"""The implicit degree curriculum of sparse parity: only a checkpoint inside the transition helps (figure 2).

Three candidate checkpoints of the teacher, at the beginning, in the middle and at the end of its phase
transition, are found from its accuracy alone. In the middle its prediction correlates with the support's
coordinates, and only that checkpoint, for T steps before the final one, teaches a narrow student.
"""

from __future__ import annotations

from lit_curriculum.papers.progressive import _candidates
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.study import Study

PAPER = "per seed one teacher of width 50,000 and three students, 20M samples each"
COST = {"smoke": "seconds", "laptop": "about 5 minutes on two cores", "paper": PAPER}


def study(scale: Scale, widths: tuple[int, int, int] = (10, 50, 100)) -> Study:
    """Return the teacher and its students; ``widths`` are theirs at each scale."""
    width, T, degrees, lr = {
        "smoke": (widths[0], 4000, (1,), 1e-2),
        "laptop": (widths[1], 50_000, (1,), 5e-3),
        "paper": (widths[2], 1_000_000, (1, 2, 3), 5e-3),
    }[scale]
    return _candidates.candidates(scale, student_width=width, T=T, degrees=degrees, lr=lr)


def figure(scale: Scale, widths: tuple[int, int, int] = (10, 50, 100)) -> Figure:
    """Return the figure; ``widths`` are the students' at each scale."""
    return _candidates.figure(study(scale, widths), _candidates.only_the_middle_teaches, COST[scale])
