"""Hierarchical parity: teachers, and students taught in six ways (C.3), for figures 15 and 17 to 19.

The checkpoint at which a teacher's prediction correlates most with the first level's monomials and that at
which it does with the last level's are chosen from these correlations alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from lit_curriculum.papers.progressive._teaching import (
    callback,
    search,
    strategy,
    student,
    teacher,
)
from lit_curriculum.reproduce.claim import Claim, final, gain
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import (
    COLOURS,
    LINES,
    Line,
    curve,
    draw_arms,
    in_millions,
    legend,
    panels,
)
from lit_curriculum.reproduce.predicates import AtLeast
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Measured, Study, at_scale

Width = Literal["narrow", "wide"]
# Of the degrees that the paper shows (1 and 2) the one at which its figure 17 is clean.
DEGREE = 2
SOLVED, SHORT = AtLeast(0.99), AtLeast(0.1)
WAYS = {
    "teacher": LINES["teacher"],
    "plain": Line("labels only", COLOURS["plain"], "--"),
    "one-shot": Line("one-shot, tau = 1e-4", COLOURS["one-shot"]),
    "one-shot tau=1": Line("one-shot, tau = 1", COLOURS["one-shot"], ":"),
    "first level": Line("one checkpoint: first level", COLOURS["other"]),
    "last level": Line("one checkpoint: last level", COLOURS["two-shot"]),
    "both": Line("two checkpoints", COLOURS["progressive"]),
}
# Decided on the tuning seeds, where it held in three of four at either width.
_NOT_IN_EVERY_SEED = (
    "fails: tried at depth 2, d = 50, teacher width 3,000 at learning rate 1e-3, students of 25 to 200, "
    "T = 15k to 40k. While the last level is learned the root's trace is weak, but in some seeds strong "
    "enough for a student to find the root as well: one of four tuning seeds at width 50 (T = 30k) and at "
    "width 100 (T = 20k). Wider and narrower teachers, and higher learning rates of theirs, did not help."
)
STUDENT = {
    ("smoke", "narrow"): (20, 4000),
    ("smoke", "wide"): (40, 4000),
    ("laptop", "narrow"): (50, 30_000),
    ("laptop", "wide"): (100, 20_000),
    ("paper", "narrow"): (100, 2_000_000),
    ("paper", "wide"): (1000, 2_000_000),
}
"""Width of the students, and T."""


def tree(scale: Scale, width: Width, ways: Sequence[str] = tuple(WAYS)) -> Study:
    """Return a teacher, which measures correlations wherever it harvests, and students of one width."""
    # At higher learning rates of the teacher the children of the root are learned one long after the other,
    # and the root stays visible while they are; at 1e-3 each level is learned at once and its trace fades.
    hidden, lr, depth, spacing = {
        "smoke": (200, 1e-2, 2, 2000),
        "laptop": (3000, 1e-3, 2, 20_000),
        "paper": (50_000, 5e-3, 3, 100_000),
    }[scale]
    # Every node lies on the path to the left leaf of a node of the last level: these classes' probabilities
    # show all nodes.
    labels, degrees = list(range(0, 2**depth, 2)), list(range(1, DEGREE + 1))
    measured = callback(
        "LogMonomials", every_n_steps=spacing, degrees=degrees, max_off_support=1000, labels=labels
    )
    own = {"model.width": hidden, "model.lr": lr}
    wide = teacher(own, [callback("HarvestCheckpoints", every_n_steps=spacing), measured])
    first, last = _metrics([1]), _metrics(range(2 ** (depth - 1), 2**depth))
    student_width, T = STUDENT[scale, width]
    teach = {
        "plain": None,
        # At tau = 1e-4 a finished teacher is training with labels; at 1 it says more.
        "one-shot": strategy("OneShot"),
        "one-shot tau=1": strategy("OneShot", tau=1.0),
        "first level": strategy("PeakOfEach", T=T, phases=[first]),
        "last level": strategy("PeakOfEach", T=T, phases=[last]),
        "both": strategy("PeakOfEach", T=T, phases=[first, last]),
    }
    narrow = {"model.width": student_width} | ({"data.num_steps": 160_000} if scale == "laptop" else {})
    students = [student(name, wide, how, narrow) for name, how in teach.items() if name in ways]
    decisions = {f"decision_{level}": f"test/decision_{level}" for level in range(1, depth + 1)}
    return at_scale(
        scale,
        "hierarchical_parity",
        arms=(wide, *students),
        **search(scale),
        metrics={"accuracy": "test/accuracy", **decisions},
        tables={"swaps.csv": _taught_by},
        axes={"width": student_width},
        # By these the arms' phases, and what is measured where, are chosen here.
        fixed=("data.depth", "data.node_size", "model.depth"),
    )


def _metrics(nodes: Sequence[int]) -> list[str]:
    return [f"monomials/degree_{DEGREE}/node_{i}" for i in nodes]


def _taught_by(rows: Sequence[dict[str, str]]) -> Iterator[Measured]:
    for row in rows:
        yield "teacher_step", int(row["step"]), float(row["teacher_step"])


def figure(scale: Scale, width: Width) -> Figure:
    """Return the figure that compares the ways to teach students of one width."""
    study = tree(scale, width)
    student_width, T = STUDENT[scale, width]
    cost = {
        "smoke": "seconds",
        "laptop": "about 6 minutes on two cores, the half if another figure has trained the teachers",
        "paper": f"per seed a teacher of width 50,000, six students of width {student_width:,}, the search",
    }

    def draw(results: Results) -> Any:
        picture, (left, right) = panels(2, width=4.8, height=3.8)
        for i, metric in enumerate(results.metrics("decision_")):
            curve(left, results.curves("teacher", metric), f"C{i + 4}", metric.replace("_", " "))
        draw_arms(right, results, WAYS)
        wide = study.value("model.width", study.arms[0])
        left.set(title=f"teacher, width {wide:,}", ylabel="test accuracy of a decision")
        right.set(title=f"(3, {T:,}), width {student_width:,}", ylabel="test accuracy")
        for axis in (left, right):
            axis.set_xlabel("training samples")
            in_millions(axis, study.value("data.num_steps"))
            legend(axis)
        return picture

    return Figure(
        cost=cost[scale],
        studies=(study,),
        draw=draw,
        claims=lambda results: CLAIMS,
        known={"last-level-falls-short": _NOT_IN_EVERY_SEED} if (scale, width) == ("laptop", "wide") else {},
    )


_SHORTS = {
    (
        "one-shot",
        "one-shot tau=1",
    ): "The finished teacher alone, at the better temperature, falls short of "
    "two checkpoints (difference in accuracy).",
    ("first level",): "One checkpoint, where the first level stands out most, falls short of two.",
    ("last level",): "One checkpoint, where the last level's weakest node stands out most, falls short.",
}
CLAIMS = [
    Claim("teacher-solves", "The wide teacher learns the tree from labels.", final("teacher"), SOLVED, 1.0),
    Claim(
        "two-solve",
        "Two checkpoints, where the first and where the last level stands out most, then the final one, "
        "suffice.",
        final("both"),
        SOLVED,
        1.0,
    ),
    *(
        Claim(
            f"{names[0].replace(' ', '-')}-falls-short",
            statement,
            gain("both", *names),
            SHORT,
            "> 0",
        )
        for names, statement in _SHORTS.items()
    ),
]
"""Which checkpoints a student needs."""
