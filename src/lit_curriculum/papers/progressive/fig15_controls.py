"""Controls of figures 15 and 19: the checkpoints of both levels of a tree, without their order.

Beside the narrow student that a checkpoint of each level teaches before the final one stand those of the same
three in random and in reversed order, and that of labels as often wrong as each of them.
"""

from __future__ import annotations

from lit_curriculum.papers.progressive._controls import Curriculum, controlled, figure_of
from lit_curriculum.papers.progressive._hierarchical import tree
from lit_curriculum.reproduce.controls import backwards, noisy, shuffled
from lit_curriculum.reproduce.figure import Figure, Scale

CURRICULA = (Curriculum("both", "A checkpoint of each level", (shuffled(), backwards(), noisy())),)


def figure(scale: Scale) -> Figure:
    """Return accuracy against samples for the two checkpoints and their controls."""
    shown = tree(scale, "narrow")
    ours = controlled(shown, CURRICULA)
    cost = {
        "smoke": "seconds",
        "laptop": "a teacher and 4 students, the teacher and one student those of fig19; 19 core-minutes",
        "paper": "per seed a teacher of width 50,000 and four students, 20M samples each; never run",
    }
    classes = 2 ** shown.value("data.depth")
    return figure_of(ours, CURRICULA, "tree", cost[scale], chance=None, classes=classes)
