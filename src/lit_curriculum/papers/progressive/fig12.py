"""Transformers: the teacher's prediction correlates with the support inside its transition (figure 12)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._candidates import ratio_at
from lit_curriculum.papers.progressive._gpt2 import SOLVED, probed, transition
from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import in_millions, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import Study

_KNOWN: Known = {
    "laptop": {
        "support-stands-out": "fails: in two seeds of five the spike lies between two measurements, 40 steps "
        "apart"
    }
}


def figure(scale: Scale) -> Figure:
    """Return correlations with coordinates over the teacher's training, a panel a seed."""
    ours = probed(scale)
    cost = {
        "smoke": "seconds",
        "laptop": "about 15 minutes on two cores",
        "paper": "per seed one teacher of 32 heads, 8M samples, measured 25 times; never run",
    }
    return Figure(
        cost=cost[scale],
        studies=(ours,),
        draw=lambda results: _draw(results, ours),
        claims=lambda _: CLAIMS,
        known=_KNOWN.get(scale, {}),
    )


def _draw(results: Results, ours: Study) -> Any:
    seeds = ours.seeds[:4]
    picture, axes = panels(len(seeds), width=3.3, height=3.0)
    for axis, seed in zip(axes, seeds, strict=True):
        one = results.only([seed])
        for i, name in enumerate(one.metrics("in ")):
            (curve,) = one.curves("teacher", name)
            axis.plot(*zip(*curve, strict=True), color="#e69f00", lw=1.4, label=None if i else "in support")
        (mean,), (spread,) = (one.curves("teacher", name) for name in ("off_mean", "off_std"))
        steps, means = zip(*mean, strict=True)
        low, high = ([m + sign * s for m, (_, s) in zip(means, spread, strict=True)] for sign in (-1, 1))
        axis.plot(steps, means, color="#0072b2", lw=1.4, label="off support (mean, sd)")
        axis.fill_between(steps, low, high, color="#0072b2", alpha=0.2, lw=0)
        right = axis.twinx()
        (accuracy,) = one.curves("teacher", "accuracy")
        right.plot(*zip(*accuracy, strict=True), color="#333333", ls=":", lw=1)
        right.set(ylim=(0.45, 1.03), yticks=[])
        axis.set(title=f"seed {seed}", xlabel="training steps")
        in_millions(axis, ours.value("data.num_steps"))
    axes[0].set_ylabel("$|E[p_T(x)_1 x_i]|$")
    legend(axes[0])
    return picture


def _ratio(results: Results) -> PerSeed:
    steps = transition(results)
    return PerSeed({seed: ratio_at(results.only([seed]), 1, steps[seed]) for seed in steps})


def _spike(results: Results) -> PerSeed:
    """Return the mean correlation with the support in the transition over that at the end."""
    steps = transition(results)
    names = results.metrics("in ")

    def mean(seed: int, step: float) -> float:
        values = [results.only([seed]).at("teacher", name, step)[seed] for name in names]
        return sum(values) / len(values)

    last = max(step for step, _ in results.curves("teacher", "off_mean")[0])
    return PerSeed({seed: mean(seed, step) / mean(seed, last) for seed, step in steps.items()})


CLAIMS = [
    Claim("teacher-solves", "The teacher learns the parity from labels.", final("teacher"), SOLVED, 1.0),
    Claim(
        "support-stands-out",
        "Inside the transition its prediction correlates with the support's coordinates more than with "
        "others (mean in support over mean off support and the noise of one estimate).",
        _ratio,
        AtLeast(3.0),
        "about 3 and more (read off)",
    ),
    Claim(
        "spike",
        "These correlations are larger inside the transition than at the end (ratio).",
        _spike,
        AtLeast(1.5),
    ),
]
