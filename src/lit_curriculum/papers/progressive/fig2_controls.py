"""Controls of figure 2: is it what the middle checkpoint answers, or how often it is wrong, that teaches.

Beside the student of the checkpoint in the middle of the transition stand those of the same two checkpoints
in reversed order, of the same place in the training of a teacher of another support, and of labels: as often
wrong as the middle checkpoint for as long, and as often wrong as the one at the transition's beginning.
"""

from __future__ import annotations

from lit_curriculum.papers.progressive import fig2
from lit_curriculum.papers.progressive._controls import (
    Curriculum,
    controlled,
    figure_of,
    teacher_elsewhere,
)
from lit_curriculum.reproduce.controls import Control, elsewhere, middle_last, noisy
from lit_curriculum.reproduce.figure import Figure, Known, Scale

_KNOWN: Known = {
    "laptop": {
        "middle-last-stuck": "fails: the middle checkpoint teaches as much in its samples when it comes last"
    }
}


def figure(scale: Scale) -> Figure:
    """Return accuracy against samples for the middle checkpoint and its controls."""
    shown = fig2.study(scale)
    beginning = shown.arm("beginning").teach
    assert beginning is not None
    early = Control(
        name="noise of the beginning",
        what="Labels, as many of them wrong as of the answers at the transition's beginning,",
        short="labels wrong as at the beginning",
        change=lambda _: noisy().change(beginning),
    )
    held_against = (middle_last(), elsewhere("support"), noisy(), early)
    curricula = (Curriculum("middle", "The middle checkpoint", held_against),)
    ours = controlled(shown, curricula, teacher_elsewhere(shown))
    cost = {
        "smoke": "seconds",
        "laptop": "2 teachers and 5 students, one of them fig2's; 15 minutes on one core",
        "paper": "per seed two teachers of width 50,000 and five students, 20M samples each; never run",
    }
    d, k = shown.value("data.d"), shown.value("data.k")
    task = f"({d}, {k})-parity"
    return figure_of(ours, curricula, task, cost[scale], known=_KNOWN.get(scale, {}))
