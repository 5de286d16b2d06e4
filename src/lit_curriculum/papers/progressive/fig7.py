"""Larger models learn sparse parity in fewer samples: widths of MLPs, heads of Transformers (figure 7)."""

from __future__ import annotations

from lit_curriculum.papers.progressive import fig7_left, fig7_right
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.joined import joined

COST = "seconds at smoke scale, else that of fig7-left and fig7-right, whose runs it shows"


def figure(scale: Scale) -> Figure:
    """Return the two panels side by side; their claims are judged in targets of their own."""
    modules = {"left": fig7_left, "right": fig7_right}
    return joined({name: module.part(scale) for name, module in modules.items()}, COST)
