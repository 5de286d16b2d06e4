"""Hierarchical parity: progressive distillation against one-shot distillation, two widths (figure 15)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._hierarchical import SHORT, SOLVED, STUDENT, WAYS, tree
from lit_curriculum.reproduce.claim import Claim, final, gain
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import draw_arms, in_millions, legend, panels
from lit_curriculum.reproduce.results import Results

SHOWN = ("teacher", "both", "one-shot", "one-shot tau=1", "plain")


def figure(scale: Scale) -> Figure:
    """Return accuracy against samples, a panel per width, from the runs of figures 18 and 19."""
    studies = (tree(scale, "narrow", SHOWN), tree(scale, "wide", SHOWN))
    widths = [STUDENT[scale, width][0] for width in ("narrow", "wide")]
    cost = {
        "smoke": "seconds",
        "laptop": "about 9 minutes on two cores, or nothing after figures 18 and 19, whose runs it shows",
        "paper": "the runs of figures 18 and 19",
    }

    def draw(results: Results) -> Any:
        picture, axes = panels(2, width=4.6, height=3.6)
        for axis, width in zip(axes, widths, strict=True):
            draw_arms(axis, results.where(width=width), {name: WAYS[name] for name in SHOWN})
            axis.set(xlabel="training samples", title=f"width {width:,}", ylabel="test accuracy")
            in_millions(axis, studies[0].value("data.num_steps"))
            legend(axis)
        return picture

    return Figure(cost=cost[scale], studies=studies, draw=draw, claims=lambda results: _claims(widths))


def _claims(widths: list[int]) -> list[Claim]:
    """Judge two checkpoints against the finished teacher, for each width."""
    return [
        claim
        for width in widths
        for claim in (
            Claim(
                f"progressive-solves-{width}",
                f"Two checkpoints, then the final one, teach a student of width {width:,} the tree.",
                final("both", width=width),
                SOLVED,
                1.0,
            ),
            Claim(
                f"before-one-shot-{width}",
                f"At equal samples it is ahead of one-shot distillation at either temperature, width "
                f"{width:,}.",
                gain("both", "one-shot", "one-shot tau=1", width=width),
                SHORT,
                "> 0",
            ),
        )
    ]
