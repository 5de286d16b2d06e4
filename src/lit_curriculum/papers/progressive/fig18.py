"""Hierarchical parity: which checkpoints the wider student needs (figure 18).

The teacher learns the tree level by level. The checkpoint at which its prediction correlates most with the
first level's monomials and that at which it does with the last level's, chosen from these correlations alone,
teach T steps each before the final one; beside it each of the two alone, and none.
"""

from __future__ import annotations

from lit_curriculum.papers.figure import Scale
from lit_curriculum.papers.progressive import hierarchical, ways
from lit_curriculum.papers.progressive.hierarchical import Tree

SETTINGS: dict[Scale, Tree] = hierarchical.WIDE

cost, measure, draw, claims = ways.target(SETTINGS)
