"""Transformers with more heads learn sparse parity in fewer samples (figure 7, right)."""

from __future__ import annotations

from itertools import pairwise

from lit_curriculum.papers.progressive._heads import (
    HEADS,
    SOLVED,
    concatenated,
    draw_panel,
    steps_to_solve,
    unsolved,
)
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.joined import Part
from lit_curriculum.reproduce.predicates import AtMost, Sooner
from lit_curriculum.reproduce.results import saved


def part(scale: Scale) -> Part:
    """Return the panel."""
    ours = concatenated(scale)
    title = f"({ours.value('data.d')}, {ours.value('data.k')})-parity, GPT-2, heads of 8, labels only"
    return Part((ours,), lambda axis, results: draw_panel(axis, results, ours, title, "a"))


def figure(scale: Scale) -> Figure:
    """Return accuracy against training steps, a line for each number of heads of 8 dimensions."""
    panel = part(scale)
    (ours,) = panel.studies
    cost = {
        "smoke": "seconds",
        "laptop": "about 5 minutes on two cores, or nothing after figure 10, whose first panel it is",
        "paper": "per seed GPT-2 of 4 to 32 heads, 8M samples each, and the search; never run",
    }

    return Figure(
        cost=cost[scale],
        studies=panel.studies,
        draw=lambda results: panel.alone(results, width=5.0, height=3.8),
        claims=lambda results: claims(scale, ours.value("data.num_steps", ours.arms[-1])),
    )


def claims(scale: Scale, steps: int) -> list[Claim]:
    """Judge each doubling of the heads by ranks: a network that never solves it has the largest."""
    doubled = [
        Claim(
            f"{many}-before-{few}",
            f"{many} heads reach {SOLVED} in fewer steps than {few} (steps saved).",
            lambda results, f=few, m=many: saved(  # type: ignore[misc]
                steps_to_solve(results, f, "a"), steps_to_solve(results, m, "a")
            ),
            Sooner(),
            note=lambda results, f=few: unsolved(steps_to_solve(results, f, "a"), f),  # type: ignore[misc]
        )
        for few, many in pairwise(HEADS[scale])
    ]
    most = HEADS[scale][-1]
    return [
        *doubled,
        Claim(
            "most-solves",
            f"The network of {most} heads solves the task (steps until {SOLVED}).",
            lambda results: steps_to_solve(results, most, "a"),
            AtMost(steps),
        ),
    ]
