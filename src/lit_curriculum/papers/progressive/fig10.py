"""Three ways to give a Transformer more heads, and how soon it learns sparse parity (figure 10)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._heads import (
    HEADS,
    HIDDEN,
    by_heads,
    concatenated,
    draw_panel,
    steps_to_solve,
    unsolved,
)
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import legend, panels
from lit_curriculum.reproduce.predicates import Sooner
from lit_curriculum.reproduce.results import Results, saved
from lit_curriculum.reproduce.study import Study

_WHAT = {
    "a": "with 8 dimensions a head",
    "b": "at a fixed hidden size",
    "c": "of the hidden size each, averaged",
}


def figure(scale: Scale) -> Figure:
    """Return accuracy against training steps: heads of 8, a fixed hidden size, averaged heads."""
    hidden, heads = HIDDEN[scale], HEADS[scale]
    averaged = {h: {"model.head_size": hidden, "model.average_heads": True} for h in heads[:3]}
    studies = (
        concatenated(scale),
        by_heads(scale, "b", {h: {"model.head_size": hidden // h} for h in heads}),
        by_heads(scale, "c", averaged),
    )
    cost = {
        "smoke": "seconds",
        "laptop": "about 20 minutes on two cores",
        "paper": "per seed GPT-2 of 4 to 32 heads in three ways, 8M samples each, and the search; never run",
    }
    titles = ("(a) 8 dimensions a head", f"(b) hidden size {hidden}", f"(c) {hidden} a head, averaged")

    def draw(results: Results) -> Any:
        picture, axes = panels(3, width=4.2, height=3.3)
        for axis, ours, title in zip(axes, studies, titles, strict=True):
            draw_panel(axis, results, ours, title, str(ours.axes["way"]))
            legend(axis)
        return picture

    return Figure(
        cost=cost[scale],
        studies=studies,
        draw=draw,
        claims=lambda results: [_claim(ours) for ours in studies],
    )


def _claim(ours: Study) -> Claim:
    """Judge the most heads against the fewest of a way to have them."""
    way = str(ours.axes["way"])
    few, many = (int(ours.value("model.heads", arm)) for arm in (ours.arms[0], ours.arms[-1]))
    return Claim(
        f"more-heads-sooner-{way}",
        f"{many} heads {_WHAT[way]} reach 0.99 in fewer steps than {few} (steps saved).",
        lambda results: saved(steps_to_solve(results, few, way), steps_to_solve(results, many, way)),
        Sooner(),
        "> 0",
        note=lambda results: unsolved(steps_to_solve(results, few, way), few),
    )
