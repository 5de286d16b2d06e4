"""Controls of figures 1, right, and 4: what a teacher's checkpoints teach a narrow BERT without their order.

Progressive distillation at the longest length of figure 1, and two checkpoints at the length of figure 4,
beside students that get as much and no curriculum: the same checkpoints in another order; those of a teacher
of another grammar of the same terminals; labels as often wrong as each checkpoint's answers; and one early
checkpoint to the end. If the curriculum is why students learn sooner, none of these helps.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any, NamedTuple

from lit_curriculum.papers.progressive._pcfg import (
    DESIGNS,
    PLAIN,
    PROGRESSIVE,
    Design,
    students,
    teacher_of,
    two_shot,
)
from lit_curriculum.papers.progressive._pcfg_results import beats, gains_table, heads_of, of
from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.controls import (
    Control,
    backwards,
    controls_of,
    elsewhere,
    noisy,
    shuffled,
    throughout,
)
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import COLOURS, bars, panels
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import ALL_SCALES, Study

SCALES = ALL_SCALES

ELSEWHERE = "cfg3h"
"""The other grammar: of figure 27, of the same terminals, its strings at least as long as cfg3b's."""

_LABELS = (PLAIN, ONE_SHOT, ONE_SHOT_SOFT)


class Compared(NamedTuple):
    """A curriculum with its controls.

    Attributes:
        curriculum: its arm.
        name: what it is called, in short.
        controls: what is compared with it.
        study: their runs, and those of students without a curriculum.
    """

    curriculum: str
    name: str
    controls: tuple[Control, ...]
    study: Study


def compared(design: Design) -> tuple[Compared, Compared]:
    """Return figure 1's curriculum and figure 4's, each with its controls."""
    early, middle = design.candidates[0], design.candidates[len(design.candidates) // 2]
    shared = (elsewhere("grammar"), noisy(), throughout(early))
    last = backwards("intermediate last", "The final checkpoint first and the intermediate one last")
    return (
        _compared(
            design,
            PROGRESSIVE,
            "progressive",
            (shuffled(), backwards(), *shared),
            design.horizons[-1],
        ),
        _compared(
            design,
            two_shot(design.T[0], middle),
            "two-shot",
            (last, *shared),
            design.student_steps,
        ),
    )


def _compared(
    design: Design, curriculum: str, name: str, controls: tuple[Control, ...], num_steps: int
) -> Compared:
    away = teacher_of(design, ELSEWHERE)

    def with_controls(known: Study) -> Study:
        # What figures 4 and 5 probe of their students is not shown of controls.
        taught = replace(known.arm(curriculum), probes=())
        searched = known.tuned_in and with_controls(known.tuned_in)
        return replace(
            known, arms=(*known.arms, *controls_of(taught, controls, away), away), tuned_in=searched
        )

    study = with_controls(students(design, (*_LABELS, curriculum), design.heads[0], num_steps))
    return Compared(curriculum, name, controls, replace(study, axes={**study.axes, "curriculum": name}))


def figure(scale: Scale) -> Figure:
    """Return final accuracy above labels alone, a panel for each curriculum."""
    design = DESIGNS[scale]
    both = compared(design)
    cost = {
        "smoke": "seconds",
        "quick": "teachers of two grammars, 51 students of 1,000 and 2,000 steps and 68 of their search, "
        "some of them fig1-right's and fig4's: hours; not run yet",
        "laptop": "teachers of two grammars, 51 students of 2,000 and 4,000 steps and 130 of their search, "
        "some of them fig1-right's and fig4's: hours; not run yet",
        "paper": "per seed teachers of two grammars and 17 students of 4,000 and 16,000 steps, batch 512; "
        "never run",
    }
    return Figure(
        cost=cost[scale],
        studies=tuple(one.study for one in both),
        draw=lambda results: _draw(results, design, both),
        claims=lambda results: [claim for one in both for claim in _claims(one)],
        table=lambda results: [row for one in both for row in _table(results, one)],
    )


def _table(results: Results, one: Compared) -> list[dict[str, Any]]:
    gains = {f"over {name}": beats(one.curriculum, name) for name in _others(one)}
    return gains_table(results, [one.study], gains)


def _others(one: Compared) -> list[str]:
    """Return the arms that are compared with the curriculum: its controls, and who has no curriculum."""
    return [*(control.name for control in one.controls), *_LABELS]


def _draw(results: Results, design: Design, both: tuple[Compared, ...]) -> Any:
    picture, axes = panels(len(both), width=5.6, height=3.8)
    for axis, one in zip(axes, both, strict=True):
        found = of(results, one.study)
        names = [one.curriculum, *(name for name in _others(one) if name != PLAIN)]
        values = [found.paired(name, PLAIN, "accuracy").map(lambda gap: 100 * gap) for name in names]
        bars(axis, [name.replace(" ", "\n") for name in names], {one.name: values}, [COLOURS["progressive"]])
        labels = statistics.fmean(found.final(PLAIN, "accuracy").values())
        axis.set_ylabel(f"points of accuracy above labels ({labels:.3f})")
        axis.set_title(f"{one.name}, {heads_of(design.heads[0])}, {one.study.axes['num_steps']:,} steps")
        axis.tick_params(axis="x", labelsize=6)
    return picture


def _claims(one: Compared) -> list[Claim]:
    """Judge that a curriculum ends above each of its controls, and above labels."""

    def above(id: str, what: str, other: str) -> Claim:
        return Claim(
            f"{one.name}-over-{id}",
            f"{one.name.capitalize()} distillation ends above {what} (paired by seed).",
            lambda results: beats(one.curriculum, other)(of(results, one.study)),
            MeanAbove(),
        )

    controls = [
        above(control.slug, f"its control: {control.named}", control.name) for control in one.controls
    ]
    return [above("plain", "training with labels", PLAIN), *controls]
