"""Progressive distillation accelerates training: parity by MLP and GPT-2, strings by BERT (figure 1)."""

from __future__ import annotations

from lit_curriculum.papers.progressive import fig1_left, fig1_middle, fig1_right
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.joined import joined

COST = (
    "seconds at smoke scale, else that of fig1-left, fig1-middle and fig1-right, whose runs it shows; at "
    "quick scale the first two are a laptop's"
)


SCALES = fig1_right.SCALES
"""Of the right panel; the others have their laptop scale where it has ``quick``."""


def figure(scale: Scale) -> Figure:
    """Return the three panels side by side; their claims are judged in targets of their own."""
    beside: Scale = "laptop" if scale == "quick" else scale
    parts = {name: module.part(beside) for name, module in (("left", fig1_left), ("middle", fig1_middle))}
    return joined({**parts, "right": fig1_right.part(scale)}, COST)
