"""What figures of controls on parity share: their arms, a panel for each curriculum, and their claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from lit_curriculum.errors import bad_value
from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.controls import Control, ahead, another_support, controls_of, stuck
from lit_curriculum.reproduce.figure import Figure
from lit_curriculum.reproduce.panels import COLOURS, curve, in_millions, legend, panels, spread_key
from lit_curriculum.reproduce.predicates import AtLeast, AtMost, Predicate
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Arm, Study

SOLVED, CHANCE = AtLeast(0.99), AtMost(0.60)
# Controls often stay at chance, one line upon the other: marks at other places tell them apart.
_LOOKS = (("#0072b2", "o"), ("#333333", "s"), ("#cc79a7", "^"), ("#009e73", "D"))


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
    """Return a study's teacher on a support that shares no coordinate with its own.

    Raises:
        UsageError: if the teacher was given a support that shares one.
    """
    wide = shown.arm("teacher")
    d, k = (shown.value(f"data.{name}", wide) for name in ("d", "k"))
    away = another_support(d, k)
    given = {**shown.set, **shown.own(wide)}.get("data.support")
    if isinstance(given, list) and set(given) & set(away):
        raise bad_value("data.support", given, f"coordinates without {away}, the other teacher's")
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
    known: Mapping[str, str] = MappingProxyType({}),
    classes: int = 2,
) -> Figure:
    """Return the figure of a study of `controlled`.

    Args:
        ours: the study.
        curricula: what is compared.
        task: begins the panels' titles.
        cost: see `Figure`.
        chance: when a control is near chance; None where that is not claimed.
        known: what is known of its claims, see `Figure`.
        classes: of the task; the panels begin a little below an accuracy of one in so many.
    """
    return Figure(
        cost=cost,
        studies=(ours,),
        draw=lambda results: _draw(results, ours, curricula, task, 1 / classes - 0.05),
        claims=lambda results: _claims(ours, curricula, chance),
        known=known,
    )


def _draw(results: Results, ours: Study, curricula: Sequence[Curriculum], task: str, bottom: float) -> Any:
    picture, axes = panels(len(curricula), width=5.0, height=3.8)
    for axis, one in zip(axes, curricula, strict=True):
        named = f"{one.subject[0].lower()}{one.subject[1:]}"
        curve(axis, results.curves(one.arm, "accuracy"), COLOURS["progressive"], named)
        for i, control in enumerate(one.controls):
            colour, mark = _look(i)
            places = {"marker": mark, "ms": 4, "markevery": (0.03 + 0.04 * i, 0.16)}
            curve(axis, results.curves(control.name, "accuracy"), colour, control.short, lw=1.2, **places)
        _mark_changes(axis, ours, one)
        spread_key(axis)
        axis.set(title=f"{task}: {named}", xlabel="training samples")
        axis.set(ylabel="test accuracy", ylim=(bottom, 1.03))
        in_millions(axis, ours.value("data.num_steps", ours.arm(one.arm)))
        legend(axis)
    return picture


def _look(place: int) -> tuple[str, str]:
    """Return colour and mark of a control, by its place among a curriculum's."""
    return _LOOKS[place % len(_LOOKS)]


def _mark_changes(axis: Any, ours: Study, one: Curriculum) -> None:
    """Mark where the teacher changes, of the curriculum and of its reversed order."""
    taught = ours.arm(one.arm)
    changes = _changes(taught, ours.value("data.num_steps", taught))
    marks = [(changes, COLOURS["progressive"], "next checkpoint teaches")]
    for i, control in enumerate(one.controls):
        backwards = ours.arm(control.name)
        given = (backwards.teach or {})["strategy"]["init_args"]
        if given.get("order") == "reversed":
            length = ours.value("data.num_steps", backwards)
            changes = _changes(taught, length)
            marks.append(([length - step for step in changes], _look(i)[0], "the same, reversed"))
    for steps, colour, label in marks:
        for i, step in enumerate(steps):
            axis.axvline(step, color=colour, ls=":", lw=1.2, label=None if i else label)


def _changes(taught: Arm, length: int) -> list[int]:
    """Return the steps at which a student's teacher changes; none where every harvested one teaches."""
    strategy = (taught.teach or {})["strategy"]
    given = strategy["init_args"]
    times = {"TwoShot": 1, "PeakOfEach": len(given.get("phases", []))}.get(strategy["class_path"], 0)
    return [step for step in (given["T"] * i for i in range(1, times + 1)) if step < length]


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
