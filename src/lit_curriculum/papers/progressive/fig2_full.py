"""Figure 2 at full length, (d, k) = (100, 6), with a teacher that two cores can train (figure 2).

The published task, lengths and students (width 100), one seed, and a narrower teacher. At laptop scale this
takes hours; interrupted, the same command, run again, goes on.
"""

from __future__ import annotations

from dataclasses import replace

from lit_curriculum.papers.progressive import _candidates, fig2
from lit_curriculum.reproduce.figure import Figure, Known, Scale

_KNOWN: Known = {
    "laptop": {
        "outside-stuck": "fails: the beginning of the transition teaches, too (accuracy .52 at 9.2M "
        "samples): students of 100 are at 1.00 by 1.5M, of 1,000 above .99 by 1.4M."
    },
}


def figure(scale: Scale, widths: tuple[int, int, int] = (10, 100, 100)) -> Figure:
    """Return the figure; ``widths`` are the students' at each scale."""
    if scale != "laptop":
        return fig2.figure(scale, widths)
    study = _candidates.candidates(
        "paper", student_width=widths[1], T=1_000_000, degrees=(1, 2, 3), lr=5e-3, teacher_width=10_000
    )
    # The students' learning rate is not searched: one seed, and days otherwise.
    study = replace(study, seeds=(0,), tuning_seeds=(), grid={"model.lr": (1e-2,)})
    cost = "hours on two cores: a teacher of width 10,000 and three students, 20M samples each"
    return _candidates.figure(study, _candidates.only_the_middle_teaches, cost, _KNOWN[scale])
