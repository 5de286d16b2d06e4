"""A typical trajectory: soon after it is better than random, a model is almost flawless (figure 4)."""

from __future__ import annotations

import math
from typing import Any

from lit_curriculum.papers.subtask._parity import (
    ALMOST_FLAWLESS,
    BETTER,
    TYPICAL,
    find,
    length,
    of,
    steps_above,
    table_1,
)
from lit_curriculum.papers.subtask._published import WITH
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import in_millions, legend, panels
from lit_curriculum.reproduce.predicates import AtMost
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import Study


def figure(scale: Scale) -> Figure:
    """Return the trajectory of one entry of Table 1."""
    study = find(table_1(scale), WITH, TYPICAL[scale])
    assert study is not None
    cost = {
        "smoke": "seconds",
        "laptop": "3 runs of 1,000 steps, those of subtask-table1; a minute",
        "paper": "3 runs of 100,000 steps, those of subtask-table1, and their search",
    }
    return Figure(
        cost=cost[scale],
        studies=(study,),
        draw=lambda results: _draw(results, study),
        claims=lambda results: [_claim(study)],
    )


def _draw(results: Results, study: Study) -> Any:
    """Draw decoded and teacher-forced accuracy of the answer, and the two levels."""
    picture, (axis,) = panels(1, width=5.0, height=3.6)
    for metric, style, label in (
        ("val/accuracy", "-", "validation"),
        ("test/accuracy", "--", "test"),
        ("test/forced_accuracy", ":", "test, reading the true labels"),
    ):
        for i, curve in enumerate(of(results, study).curves(WITH, metric)):
            name = label if i == 0 else None
            axis.plot(*zip(*curve, strict=True), style, lw=1.4, color=f"C{i}", label=name)
    for level in (BETTER, ALMOST_FLAWLESS):
        axis.axhline(level, color="#555555", lw=0.7)
    axis.set(
        xlabel="steps",
        ylabel="accuracy of the answer, decoded",
        title=f"{study.axes['d']} bits, {WITH}; one colour per seed",
        ylim=(0.3, 1.03),
    )
    in_millions(axis, length(study))
    legend(axis)
    return picture


def _claim(study: Study) -> Claim:
    """Judge how short the way from better than random to almost flawless is."""

    def share(results: Results) -> PerSeed:
        better, flawless = (steps_above(results, study, level) for level in (BETTER, ALMOST_FLAWLESS))
        return PerSeed(
            {s: (flawless[s] - b) / b if math.isfinite(flawless[s]) else math.nan for s, b in better.items()}
        )

    return Claim(
        "grokking",
        "From 60 % to 95 % takes few steps beside those that led to 60 % (ratio, one value per seed).",
        share,
        AtMost(0.5),
    )
