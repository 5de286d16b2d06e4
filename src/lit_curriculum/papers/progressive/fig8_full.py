"""Figure 8 at full length, (d, k) = (100, 6), with a teacher that two cores can train (figure 8).

The published task, lengths and students (width 1,000), one seed, and a narrower teacher. At laptop scale this
takes hours; interrupted, the same command, run again, goes on.
"""

from __future__ import annotations

from functools import partial

from lit_curriculum.papers.progressive import fig2_full

figure = partial(fig2_full.figure, widths=(100, 1000, 1000))
