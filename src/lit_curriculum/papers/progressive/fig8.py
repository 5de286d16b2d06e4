"""The implicit degree curriculum of sparse parity, with wider students (figure 8).

Figure 2 again, its teachers included, for students ten times as wide: the checkpoint in the middle of the
teacher's transition teaches them, and those at its beginning and end do not.
"""

from __future__ import annotations

from lit_curriculum.papers.figure import Scale
from lit_curriculum.papers.progressive import candidates, parity
from lit_curriculum.papers.progressive.parity import Parity

SETTINGS: dict[Scale, Parity] = parity.SETTINGS_FIG8


cost, measure, draw, claims = candidates.target(
    SETTINGS,
    candidates.only_the_middle_teaches,
    laptop="about 8 minutes on two cores, the half after figure 2, whose teachers it has",
    paper="after figure 2 three students of width 1,000 per seed, 20M samples each",
)
