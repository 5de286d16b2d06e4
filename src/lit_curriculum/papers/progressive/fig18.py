"""Hierarchical parity: which checkpoints the wider student needs (figure 18).

The teacher learns the tree level by level. The checkpoint at which its prediction correlates most with the
first level's monomials and that at which it does with the last level's, chosen from these correlations alone,
teach T steps each before the final one; beside it each of the two alone, and none.
"""

from __future__ import annotations

from functools import partial

from lit_curriculum.papers.progressive import _hierarchical

figure = partial(_hierarchical.figure, width="wide")
