"""GPT-2 on boundary tokens: the teacher's loss, and what it reads of the tokens just before (figure 29)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._pcfg import TEACHER
from lit_curriculum.papers.progressive._pcfg_gpt2 import DESIGNS, Design, labelled
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import NGRAM_COLOURS, curve, in_millions, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results

_KNOWN: Known = {
    "laptop": {
        "rapid-drop": "fails: the loss falls evenly, without phases, at this size.",
        "robust-falls": "fails: M_robust rises to the end at this size.",
    },
}


def figure(scale: Scale) -> Figure:
    """Return the loss of the teacher at height 3, M_close and M_robust, over its training."""
    design = DESIGNS[scale]
    cost = {
        "smoke": "seconds",
        "laptop": "three teachers of figure 30; 6 minutes on two cores",
        "paper": "the teachers of figure 30",
    }
    return Figure(
        cost=cost[scale],
        studies=(labelled(design, design.teacher_heads),),
        draw=lambda results: _draw(results, design),
        claims=lambda results: _claims(design),
        known=_KNOWN.get(scale, {}),
    )


def _draw(results: Results, design: Design) -> Any:
    picture, (left, *others) = panels(3, width=4.0, height=3.2)
    curve(left, results.curves(TEACHER, "loss"), "#333333", "teacher")
    spacing = design.T0 // design.N
    for step in range(spacing, design.T0 + 1, spacing):
        left.plot([step], [0.02], "^", color="#d55e00", ms=3, transform=left.get_xaxis_transform())
    left.set(title="loss (triangles: checkpoints)", ylabel="validation loss")
    for axis, name in zip(others, ("close", "robust"), strict=True):
        for metric in results.metrics(f"{name}_"):
            n = int(metric.rpartition("_")[2])
            curve(axis, results.curves(TEACHER, metric), NGRAM_COLOURS.get(n, "#7d8ca3"), f"n = {n}")
        axis.set(title=f"median $M_{{{name}}}$")
        legend(axis)
    for axis in (left, *others):
        axis.set_xlabel("training steps")
        in_millions(axis, design.T0)
    return picture


def _claims(design: Design) -> list[Claim]:
    first = design.T0 / design.N

    def early_share(results: Results) -> PerSeed:
        """Return the share of the loss's whole fall that a fifth of the training brings."""
        curves = results.history(TEACHER, "loss")
        found = {}
        for seed, curve_of in curves.items():
            start, end = curve_of[0][1], curve_of[-1][1]
            early = [value for step, value in curve_of if step <= design.T0 / 5]
            found[seed] = (start - (early or [start])[-1]) / (start - end)
        return PerSeed(found)

    def falls(metric: str) -> Any:
        return lambda results: results.at(TEACHER, metric, first) - results.final(TEACHER, metric)

    return [
        Claim(
            "rapid-drop",
            "A fifth of the training brings most of the loss's fall since the first evaluation (share).",
            early_share,
            AtLeast(0.5),
        ),
        Claim(
            "less-on-trigrams",
            "At the end predictions rest less on the nearest tokens alone than at the first checkpoint: "
            "M_close of 3 has grown.",
            lambda results: results.final(TEACHER, "close_3") - results.at(TEACHER, "close_3", first),
            MeanAbove(),
        ),
        Claim(
            "robust-falls",
            "M_robust of 3 is smaller at the end than at the first checkpoint.",
            falls("robust_3"),
            MeanAbove(),
        ),
    ]
