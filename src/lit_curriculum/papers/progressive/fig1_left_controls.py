"""Controls of figure 1, left: the same checkpoints without their order, and others' errors, teach no parity.

If progressive distillation helped because a teacher's early answers are soft or often wrong, any of these
would help as well: its checkpoints shuffled, or reversed; those of a teacher of another support; labels as
often wrong as each checkpoint; and of two checkpoints the one in the middle of the transition last. Every
control searches its learning rate on the same grid as the method that it is a control of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lit_curriculum.papers.progressive import fig1_left
from lit_curriculum.papers.progressive.fig1_left import CHANCE, SOLVED
from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.controls import (
    Control,
    ahead,
    another_support,
    backwards,
    controls_of,
    elsewhere,
    noisy,
    shuffled,
    stuck,
)
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import LINES, Line, draw_arms, in_millions, panels, shades
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Study

_OF_ALL = (shuffled(), backwards(), elsewhere("support"), noisy())
_OF_TWO = (backwards("middle last", "The final checkpoint first and the one in the middle last"),)
_CURRICULA: dict[str, tuple[str, tuple[Control, ...]]] = {
    "progressive": ("Progressive distillation", _OF_ALL),
    "two-shot": ("Two-shot distillation", _OF_TWO),
}

_EXPECTED: dict[str, str] = {}


def study(scale: Scale) -> Study:
    """Return the two curricula of figure 1 (left), their controls, and both teachers."""
    shown = fig1_left.study(scale)
    wide = shown.arm("teacher")
    away = another_support(shown.value("data.d"), shown.value("data.k"))
    other = replace(wide, name="other teacher", set={**wide.set, "data.support": away})
    arms = [wide, other]
    for name, (_, controls) in _CURRICULA.items():
        taught = shown.arm(name)
        arms += [taught, *controls_of(taught, controls, other)]
    return replace(shown, arms=tuple(arms))


def figure(scale: Scale) -> Figure:
    """Return accuracy against samples for the two curricula and their controls."""
    ours = study(scale)
    cost = {
        "smoke": "seconds",
        "laptop": "7 students, two of them fig1-left's, about 10 minutes on two cores",
        "paper": "per seed two teachers of width 50,000 and seven students of width 100, 20M samples each",
    }
    return Figure(
        cost=cost[scale], studies=(ours,), draw=lambda results: _draw(results, ours), claims=_claims
    )


def _draw(results: Results, ours: Study) -> Any:
    picture, axes = panels(len(_CURRICULA), width=4.8, height=3.6)
    d, k = ours.value("data.d"), ours.value("data.k")
    for axis, (name, (subject, controls)) in zip(axes, _CURRICULA.items(), strict=True):
        colours = shades([control.name for control in controls])
        lines = {control.name: Line(control.name, colours[control.name]) for control in controls}
        draw_arms(axis, results, {name: LINES[name], **lines})
        axis.set(title=f"({d}, {k})-parity: {subject.lower()}", xlabel="training samples")
        axis.set(ylabel="test accuracy", ylim=(0.45, 1.03))
        in_millions(axis, ours.value("data.num_steps"))
        axis.legend(fontsize=8, loc="upper left")
    return picture


def _claims(results: Results) -> list[Claim]:
    """Judge that both teachers and both curricula learn, that controls do not, and what lies between them."""
    learn = {
        "teacher": "The wide teacher learns the parity from labels.",
        "other teacher": "So does the teacher of another support, its own: the control has a real teacher.",
        "progressive": "A narrow student taught by the teacher's checkpoints in their order learns it.",
        "two-shot": "So does one taught by the middle checkpoint, then the final one.",
    }
    claims = [
        Claim(f"{arm.replace(' ', '-')}-solves", what, final(arm), SOLVED) for arm, what in learn.items()
    ]
    for name, (subject, controls) in _CURRICULA.items():
        for control in controls:
            claims.append(stuck(control, CHANCE, _EXPECTED.get(control.name, "")))
            claims.append(ahead(name, subject, control))
    return claims
