"""The implicit degree curriculum of sparse parity, with wider students (figure 8).

Figure 2 again, its teachers included, for students ten times as wide: the checkpoint in the middle of the
teacher's transition teaches them, and those at its beginning and end do not.
"""

from __future__ import annotations

from functools import partial

from lit_curriculum.papers.progressive import fig2

figure = partial(fig2.figure, widths=(100, 500, 1000))
