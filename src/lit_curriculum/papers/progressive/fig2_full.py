"""Figure 2 at full length, (d, k) = (100, 6), with a teacher that two cores can train (figure 2).

The published task, lengths and students (width 100), one seed, and a narrower teacher. At laptop scale this
takes hours; interrupted, the same command goes on.
"""

from __future__ import annotations

from lit_curriculum.papers.figure import Scale
from lit_curriculum.papers.progressive import candidates, parity
from lit_curriculum.papers.progressive.parity import Parity

SETTINGS: dict[Scale, Parity] = parity.SETTINGS_FIG2_FULL


cost, measure, draw, claims = candidates.target(
    SETTINGS,
    candidates.only_the_middle_teaches,
    laptop="hours on two cores: a teacher of width 10,000 and three students, 20M samples each",
    paper="the published setting, as in figure 2",
)
