"""The implicit degree curriculum of sparse parity, with a teacher of a higher rate (figure 9).

Figure 2 again with a teacher trained at rate 1e-2 and a shorter T. In the middle of its transition the
coordinates of the support do not stand out clearly, but its monomials of degree 2 and 3 do; that is enough.
"""

from __future__ import annotations

from collections.abc import Sequence

from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.progressive import candidates, parity
from lit_curriculum.papers.progressive.candidates import ratio_in_the_middle
from lit_curriculum.papers.progressive.parity import Parity

SETTINGS: dict[Scale, Parity] = parity.SETTINGS_FIG9


def judge_degrees(rows: Sequence[Row], seeds: Sequence[int], scale: Scale) -> list[Claim]:
    """Judge which candidate teaches best, and the correlations of three degrees at the middle one."""
    clearer = [ratio_in_the_middle(rows, seed, 3) / ratio_in_the_middle(rows, seed, 1) for seed in seeds]
    return [
        candidates.middle_solves(rows, seeds, scale),
        candidates.middle_ahead(rows, seeds, scale),
        candidates.gap(rows, seeds, scale, 2),
        candidates.gap(rows, seeds, scale, 3),
        judge(
            "higher-degrees-are-clearer",
            "In the middle monomials of degree 3 stand out more than single coordinates (ratio of ratios).",
            clearer,
            scale=scale,
            threshold="> 1 in every seed",
            holds=min(clearer) > 1,
            paper_value="no clean gap at degree 1",
        ),
    ]


cost, measure, draw, claims = candidates.target(
    SETTINGS,
    judge_degrees,
    laptop="about 6 minutes on two cores",
    paper="per seed one teacher of width 50,000 and three students of width 100, 20M samples each",
)
