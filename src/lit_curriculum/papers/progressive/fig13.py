"""Transformers: two checkpoints, or all, teach a student of few heads what labels do not (figure 13).

Beside the methods of the paper stand controls, which have all of a teacher's errors and not its order: the
checkpoints shuffled, or reversed; those of a teacher of another support; and labels as wrong as they are.
"""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._gpt2 import (
    CHANCE,
    SOLVED,
    methods,
    shipped_value,
    study,
    teacher,
)
from lit_curriculum.papers.progressive._teaching import better_one_shot
from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.controls import (
    another_support,
    backwards,
    controls_of,
    elsewhere,
    noisy,
    shuffled,
    stuck,
)
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import LINES, Line, draw_arms, in_millions, legend, panels, shades
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import Results, mean_of
from lit_curriculum.reproduce.study import Study

# One random order for all seeds, as it was measured.
_CONTROLS = (shuffled(seed=0), backwards(), elsewhere("support"), noisy())
CONTROLS = {control.name: control.what for control in _CONTROLS}

_KNOWN: Known = {
    "laptop": {
        "shuffled-stuck": "fails: in two seeds of five useful checkpoints follow one another by chance",
        "noisy-labels-stuck": "fails: in two seeds of five the student learns once labels are right, as it "
        "never does where they are right from the start",
    }
}


def setting(scale: Scale) -> Study:
    """Return the teacher, the paper's students, and the controls."""
    wide = teacher(scale)
    away = another_support(shipped_value(scale, "data.d"), shipped_value(scale, "data.k"))
    other = teacher(scale, name="other teacher", set={"data.support": away})
    students = methods(scale, wide)
    taught = next(arm for arm in students if arm.name == "progressive")
    controls = controls_of(taught, _CONTROLS, other, tuned_as="progressive")
    return study(scale, (wide, *students, *controls))


def figure(scale: Scale) -> Figure:
    """Return accuracy against training steps, the methods and the controls."""
    ours = setting(scale)
    cost = {
        "smoke": "seconds",
        "laptop": "about 28 minutes on two cores",
        "paper": "per seed two teachers of 32 heads and nine students of 4, 8M samples each; never run",
    }
    return Figure(
        cost=cost[scale],
        studies=(ours,),
        draw=lambda results: _draw(results, ours),
        claims=_claims,
        known=_KNOWN.get(scale, {}),
    )


def lines(results: Results) -> dict[str, Line]:
    """Return the methods as they are drawn, one-shot at the better of its temperatures."""
    shown = {**LINES, better_one_shot(results): LINES["one-shot"]}
    del shown["one-shot"]
    return shown


def _draw(results: Results, ours: Study) -> Any:
    picture, axes = panels(2, width=4.8, height=3.8)
    colours = shades(list(CONTROLS))
    drawn = (
        ("methods", lines(results)),
        ("controls", {"progressive": LINES["progressive"], **{n: Line(n, colours[n]) for n in CONTROLS}}),
    )
    d, k = ours.value("data.d"), ours.value("data.k")
    for axis, (title, of_panel) in zip(axes, drawn, strict=True):
        draw_arms(axis, results, of_panel)
        axis.set(title=f"({d}, {k})-parity: {title}", xlabel="training steps", ylabel="test accuracy")
        axis.set_ylim(0.45, 1.03)
        in_millions(axis, ours.value("data.num_steps", ours.arm("progressive")))
        legend(axis)
    return picture


def _claims(results: Results) -> list[Claim]:
    """Judge two-shot and the controls; what figure 1 shows of the same runs is judged there."""
    two = Claim(
        "two-shot-solves",
        "One checkpoint from inside the transition, then the final one, is enough.",
        final("two-shot"),
        SOLVED,
        1.0,
    )
    controls = [stuck(control, CHANCE) for control in _CONTROLS]
    ahead = Claim(
        "over-controls",
        "Progressive distillation ends above its four controls (difference from their mean).",
        lambda results: (
            results.final("progressive", "accuracy")
            - mean_of(*(results.final(name, "accuracy") for name in CONTROLS))
        ),
        MeanAbove(),
    )
    return [two, *controls, ahead]
