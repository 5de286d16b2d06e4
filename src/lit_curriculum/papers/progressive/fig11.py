"""Transformers: the attention that reaches the support grows as accuracy does (figure 11).

Attention is followed along paths of two layers from the last position; the paper shows 16 heads, a laptop 8.
"""

from __future__ import annotations

import math
from typing import Any

from lit_curriculum.papers.progressive._gpt2 import probed
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import in_millions, legend, panels
from lit_curriculum.reproduce.predicates import MeanAbove, Sooner
from lit_curriculum.reproduce.results import Curve, PerSeed, Results, saved
from lit_curriculum.reproduce.study import Study


def figure(scale: Scale) -> Figure:
    """Return each coordinate's share of attention over the teacher's training, a panel a seed."""
    ours = probed(scale)
    cost = {
        "smoke": "seconds",
        "laptop": "about 15 minutes on two cores, or nothing after figure 12, whose runs it shows",
        "paper": "the teachers of figure 12",
    }
    return Figure(
        cost=cost[scale],
        studies=(ours,),
        draw=lambda results: _draw(results, ours),
        claims=lambda _: _claims(),
    )


def _draw(results: Results, ours: Study) -> Any:
    seeds = ours.seeds[:2]
    picture, axes = panels(len(seeds), width=4.4, height=3.3)
    for axis, seed in zip(axes, seeds, strict=True):
        one = results.only([seed])
        for group, colour in (("off", "#0072b2"), ("in", "#e69f00")):
            for i, name in enumerate(one.metrics(f"attention {group} ")):
                (curve,) = one.curves("teacher", name)
                label = None if i else f"{group} support"
                axis.plot(*zip(*curve, strict=True), color=colour, lw=1.2, alpha=0.8, label=label)
        right = axis.twinx()
        (accuracy,) = one.curves("teacher", "accuracy")
        right.plot(*zip(*accuracy, strict=True), color="#777777", ls="--", lw=1.2)
        right.set(ylim=(0.45, 1.03), yticks=[])
        axis.set(title=f"seed {seed} (dashed: accuracy)", xlabel="training steps")
        in_millions(axis, ours.value("data.num_steps"))
    axes[0].set_ylabel("share of attention, two layers")
    legend(axes[0])
    return picture


def _share(results: Results, seed: int) -> Curve:
    """Return the support's share of attention at every measured step."""
    one = results.only([seed])
    curves = [dict(one.curves("teacher", name)[0]) for name in one.metrics("attention in ")]
    return [(step, math.fsum(curve[step] for curve in curves)) for step in sorted(curves[0])]


def _claims() -> list[Claim]:
    def grown(results: Results) -> PerSeed:
        """Return by how much; all positions see the first coordinates, which get more from the start."""
        seeds = results.final("teacher", "accuracy")
        return PerSeed({seed: _share(results, seed)[-1][1] - _share(results, seed)[0][1] for seed in seeds})

    def sooner(results: Results) -> PerSeed:
        """Return by how many steps attention is half-way before accuracy is, at measured steps."""
        accuracy, attention = {}, {}
        for seed, curve in results.history("teacher", "accuracy").items():
            shares = _share(results, seed)
            measured = [(step, value) for step, value in curve if step in dict(shares)]
            accuracy[seed] = next((step for step, value in measured if value >= 0.75), math.inf)
            half = (shares[0][1] + shares[-1][1]) / 2
            attention[seed] = next((step for step, value in shares if value >= half), math.inf)
        return saved(PerSeed(accuracy), PerSeed(attention))

    return [
        Claim(
            "attends-to-support",
            "At the end the support gets more of the attention than at the first measurement (share gained).",
            grown,
            MeanAbove(),
        ),
        Claim(
            "attention-first",
            "The support's share is half-way to its final value before accuracy is half-way to 1 (steps "
            "before; 0 at the same measurement).",
            sooner,
            Sooner(),
            "co-occurs",
        ),
    ]
