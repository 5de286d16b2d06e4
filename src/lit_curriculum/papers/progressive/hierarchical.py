"""Settings and runs that the figures of hierarchical parity share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.papers.figure import Scale
from lit_curriculum.papers.progressive.distilled import TeacherAndStudents, strategy

# Of the degrees that the paper shows (1 and 2) the one at which its figure 17 is clean.
DEGREE = 2


@dataclass(frozen=True, kw_only=True)
class Tree(TeacherAndStudents):
    """What a scale sets; its teachers measure correlations wherever they harvest.

    Attributes:
        depth, node_size: the task.
    """

    depth: int
    node_size: int

    @property
    def first_and_last(self) -> tuple[list[str], list[str]]:
        """For the root's and the last level's nodes, the metrics that say how well each can be seen."""
        first, last = [1], range(2 ** (self.depth - 1), 2**self.depth)
        metric = f"monomials/degree_{DEGREE}/node_{{}}"
        return [metric.format(i) for i in first], [metric.format(i) for i in last]

    def task(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `TeacherAndStudents.task`."""
        return {"depth": self.depth}, {"depth": self.depth, "node_size": self.node_size}

    def harvest(self, seed: int) -> list[dict[str, Any]]:
        """See `TeacherAndStudents.harvest`.

        Every node lies on the path to the left leaf of a node of the last level: these classes' probabilities
        show all nodes.
        """
        harvest = {"class_path": "HarvestCheckpoints", "init_args": {"every_n_steps": self.spacing}}
        rule = {
            "every_n_steps": self.spacing,
            "degrees": list(range(1, DEGREE + 1)),
            "max_off_support": 1000,
            "labels": list(range(0, 2**self.depth, 2)),
        }
        return [harvest, {"class_path": "LogMonomials", "init_args": rule}]

    def ways(self) -> dict[str, dict[str, Any] | None]:
        """Return the ways to be taught that figures 15, 18 and 19 compare."""
        first, last = self.first_and_last
        return {
            "plain": None,
            "one-shot": strategy("OneShot"),
            "first level": strategy("PeakOfEach", T=self.T, phases=[first]),
            "last level": strategy("PeakOfEach", T=self.T, phases=[last]),
            "both": strategy("PeakOfEach", T=self.T, phases=[first, last]),
        }


_SMOKE = Tree(
    configs=("hierarchical_parity", "smoke/hierarchical_parity"),
    d=12,
    depth=2,
    node_size=3,
    teacher_width=200,
    student_width=20,
    num_steps=20_000,
    student_steps=20_000,
    eval_every=1000,
    spacing=2000,
    teacher_lr=1e-2,
    rates=(1e-2,),
    T=4000,
    seeds=(0,),
    tuning_seeds=(),
)
# At higher rates of the teacher the children of the root are learned one long after the other, and the root
# stays visible while they are; at 1e-3 each level is learned at once and its trace fades.
_LAPTOP = Tree(
    configs=("hierarchical_parity",),
    d=50,
    depth=2,
    node_size=4,
    teacher_width=3000,
    student_width=50,
    num_steps=1_000_000,
    student_steps=160_000,
    eval_every=5000,
    spacing=20_000,
    teacher_lr=1e-3,
    rates=(1e-2, 5e-3, 1e-3),
    T=30_000,
)
_PAPER = Tree(
    configs=("hierarchical_parity", "paper/hierarchical_parity"),
    d=100,
    depth=3,
    node_size=5,
    teacher_width=50_000,
    student_width=1000,
    num_steps=20_000_000,
    student_steps=20_000_000,
    eval_every=100_000,
    spacing=100_000,
    teacher_lr=5e-3,
    rates=(1e-2, 5e-3, 1e-3),
    T=2_000_000,
)

NARROW: dict[Scale, Tree] = {
    "smoke": _SMOKE,
    "laptop": _LAPTOP,
    "paper": replace(_PAPER, student_width=100),
}
WIDE: dict[Scale, Tree] = {
    "smoke": replace(_SMOKE, student_width=40),
    "laptop": replace(_LAPTOP, student_width=100, T=20_000),
    "paper": _PAPER,
}
