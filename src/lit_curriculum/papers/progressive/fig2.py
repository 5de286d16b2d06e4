"""The implicit degree curriculum of sparse parity: only a checkpoint inside the transition helps (figure 2).

Three candidate checkpoints of the teacher, at the beginning, in the middle and at the end of its phase
transition, are found from its accuracy alone. In the middle its prediction correlates with the support's
coordinates, and only that checkpoint, for T steps before the final one, teaches a narrow student.
"""

from __future__ import annotations

from lit_curriculum.papers.figure import Scale
from lit_curriculum.papers.progressive import candidates, parity
from lit_curriculum.papers.progressive.parity import Parity

SETTINGS: dict[Scale, Parity] = parity.SETTINGS_FIG2


cost, measure, draw, claims = candidates.target(
    SETTINGS,
    candidates.only_the_middle_teaches,
    laptop="about 5 minutes on two cores",
    paper="per seed one teacher of width 50,000 and three students of width 100, 20M samples each",
)
