"""What the controls of figures 1 (right) and 4 share: a curriculum of checkpoints beside what has none.

Students of one curriculum stand beside others that get as much of a teacher and no curriculum: the same
checkpoints in another order; those of a teacher of another grammar of the same terminals; labels as often
wrong as each checkpoint's answers; and one early checkpoint to the end. If the curriculum is why students
learn sooner, none of these helps.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.papers.progressive._pcfg import PLAIN, Design, students, teacher_of
from lit_curriculum.papers.progressive._pcfg_results import beats, gains_table, heads_of, of
from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.controls import Control, controls_of, elsewhere, noisy, throughout
from lit_curriculum.reproduce.figure import Figure
from lit_curriculum.reproduce.panels import COLOURS, bars, panels
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Study

ELSEWHERE = "cfg3h"
"""The other grammar: of figure 27, of the same terminals, its strings at least as long as cfg3b's."""

_LABELS = (PLAIN, ONE_SHOT, ONE_SHOT_SOFT)


@dataclass(frozen=True)
class Compared:
    """A curriculum with its controls.

    Attributes:
        design: of the figure's scale.
        curriculum: its arm.
        name: what it is called, in short.
        controls: what is compared with it.
        num_steps: length of the students' runs.
    """

    design: Design
    curriculum: str
    name: str
    controls: tuple[Control, ...]
    num_steps: int

    @property
    def others(self) -> list[str]:
        """The arms that are compared with the curriculum: its controls, and who has no curriculum."""
        return [*(control.name for control in self.controls), *_LABELS]

    def study(self) -> Study:
        """Return the runs."""
        heads = self.design.heads[0]
        known = students(self.design, (*_LABELS, self.curriculum), heads, self.num_steps)
        return self._with_controls(known)

    def _with_controls(self, known: Study) -> Study:
        away = teacher_of(self.design, ELSEWHERE)
        # What figures 4 and 5 probe of their students is not measured of controls, nor shown of the others.
        taught = replace(known.arm(self.curriculum), probes=())
        searched = known.tuned_in and self._with_controls(known.tuned_in)
        arms = (*known.arms, *controls_of(taught, self.controls, away))
        return replace(known, arms=arms, tuned_in=searched, tables={})


def shared(design: Design) -> tuple[Control, ...]:
    """Return the controls that either curriculum has."""
    return (elsewhere("grammar"), noisy(), throughout(design.candidates[0]))


def figure_of(one: Compared, cost: str) -> Figure:
    """Return final accuracy above labels alone, of the curriculum and of each of its controls."""
    study = one.study()
    gains = {f"over {name}": beats(one.curriculum, name) for name in one.others}
    return Figure(
        cost=cost,
        studies=(study,),
        draw=lambda results: _draw(results, one, study),
        claims=lambda results: _claims(one, study),
        table=lambda results: gains_table(results, [study], gains),
    )


def _draw(results: Results, one: Compared, study: Study) -> Any:
    picture, (axis,) = panels(1, width=6.4, height=3.8)
    found = of(results, study)
    names = [one.curriculum, *(name for name in one.others if name != PLAIN)]
    values = [found.paired(name, PLAIN, "accuracy").map(lambda gap: 100 * gap) for name in names]
    bars(axis, [name.replace(" ", "\n") for name in names], {one.name: values}, [COLOURS["progressive"]])
    labels = statistics.fmean(found.final(PLAIN, "accuracy").values())
    axis.axhline(0, color="#333333", lw=0.8)
    axis.set_ylabel(f"points of accuracy above labels ({labels:.3f})")
    axis.set_title(f"{one.name} and its controls, {heads_of(one.design.heads[0])}, {one.num_steps:,} steps")
    axis.tick_params(axis="x", labelsize=6)
    return picture


def _claims(one: Compared, study: Study) -> list[Claim]:
    """Judge that a curriculum ends above each of its controls, and above labels."""

    def above(id: str, what: str, other: str) -> Claim:
        return Claim(
            f"over-{id}",
            f"{one.name.capitalize()} distillation ends above {what} (paired by seed).",
            lambda results: beats(one.curriculum, other)(of(results, study)),
            MeanAbove(),
        )

    controls = [
        above(control.slug, f"its control: {control.named}", control.name) for control in one.controls
    ]
    return [above("plain", "training with labels", PLAIN), *controls]
