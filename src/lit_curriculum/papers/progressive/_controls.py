"""What figures of controls on parity share: their arms, a panel for each curriculum, and their claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from lit_curriculum.reproduce.claim import Claim, final, with_expected
from lit_curriculum.reproduce.controls import Control, ahead, another_support, controls_of, stuck
from lit_curriculum.reproduce.figure import Figure
from lit_curriculum.reproduce.panels import COLOURS, Line, draw_arms, in_millions, legend, panels, shades
from lit_curriculum.reproduce.predicates import AtLeast, AtMost, Predicate
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Arm, Study

SOLVED, CHANCE = AtLeast(0.99), AtMost(0.60)


class Curriculum(NamedTuple):
    """A student that learns by a curriculum, and what is held against it.

    Attributes:
        arm: its name in the study.
        subject: what it is called, at the beginning of a sentence.
        controls: of that arm.
    """

    arm: str
    subject: str
    controls: tuple[Control, ...]


def teacher_elsewhere(shown: Study) -> Arm:
    """Return a study's teacher on a support that shares no coordinate with its own."""
    wide = shown.arm("teacher")
    away = another_support(shown.value("data.d", wide), shown.value("data.k", wide))
    return replace(wide, name="other teacher", set={**wide.set, "data.support": away}, probes=())


def controlled(shown: Study, curricula: Sequence[Curriculum], other: Arm | None = None) -> Study:
    """Return a study's teacher and curricula, the other teacher if there is one, and all controls."""
    arms = [shown.arm("teacher"), *([other] if other is not None else [])]
    for one in curricula:
        taught = shown.arm(one.arm)
        arms += [taught, *controls_of(taught, one.controls, other)]
    return replace(shown, arms=tuple(arms))


def figure_of(
    ours: Study,
    curricula: Sequence[Curriculum],
    task: str,
    cost: str,
    chance: Predicate | None = CHANCE,
    expected: Mapping[str, str] = MappingProxyType({}),
    classes: int = 2,
) -> Figure:
    """Return the figure of a study of `controlled`.

    Args:
        ours: the study.
        curricula: what is compared.
        task: begins the panels' titles.
        cost: see `Figure`.
        chance: when a control is near chance; None where that is not claimed.
        expected: ids of claims -> what is known of them at this scale, see `Claim`.
        classes: of the task; the panels begin a little below an accuracy of one in so many.
    """
    return Figure(
        cost=cost,
        studies=(ours,),
        draw=lambda results: _draw(results, ours, curricula, task, 1 / classes - 0.05),
        claims=lambda results: with_expected(_claims(ours, curricula, chance), expected),
    )


def _draw(results: Results, ours: Study, curricula: Sequence[Curriculum], task: str, bottom: float) -> Any:
    picture, axes = panels(len(curricula), width=4.8, height=3.6)
    for axis, one in zip(axes, curricula, strict=True):
        colours = shades([control.name for control in one.controls])
        lines = {control.name: Line(control.name, colours[control.name]) for control in one.controls}
        draw_arms(axis, results, {one.arm: Line(one.arm, COLOURS["progressive"]), **lines})
        axis.set(title=f"{task}: {one.subject[0].lower()}{one.subject[1:]}", xlabel="training samples")
        axis.set(ylabel="test accuracy", ylim=(bottom, 1.03))
        in_millions(axis, ours.value("data.num_steps", ours.arm(one.arm)))
        legend(axis)
    return picture


def _claims(ours: Study, curricula: Sequence[Curriculum], chance: Predicate | None) -> list[Claim]:
    """Judge that teachers and curricula learn, that controls do not, and what lies between them."""
    names = [arm.name for arm in ours.arms]
    learn = {
        "teacher": "The wide teacher learns the task from labels.",
        "other teacher": "So does the teacher of another support, its own: the control has a real teacher.",
        **{one.arm: f"{one.subject} teaches a narrow student the task." for one in curricula},
    }
    claims = [
        Claim(f"{arm.replace(' ', '-')}-solves", what, final(arm), SOLVED)
        for arm, what in learn.items()
        if arm in names
    ]
    for one in curricula:
        for control in one.controls:
            claims += [] if chance is None else [stuck(control, chance)]
            claims.append(ahead(one.arm, one.subject, control))
    return claims
