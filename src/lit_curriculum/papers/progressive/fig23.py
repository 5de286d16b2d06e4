"""Wider BERTs learn PCFG strings in fewer steps (figure 23)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lit_curriculum.papers.progressive._pcfg import DESIGNS, TEACHER, labelled
from lit_curriculum.papers.progressive._pcfg_results import heads_of, log_steps, of
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import Curve, curve, legend, mean_and_spread, panels, spread_key
from lit_curriculum.reproduce.predicates import AtMost, MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import ALL_SCALES, Study

SCALES = ALL_SCALES

# As in the paper each curve is marked where it first reaches this share of its final accuracy.
REACHED = 0.8
_DOT: dict[str, Any] = {"marker": "o", "ls": "", "ms": 4, "mec": "black", "mew": 0.6, "zorder": 3}
_AS_GOOD: dict[str, Any] = {"marker": "D", "ls": "", "ms": 6, "mec": "black", "mew": 0.6, "zorder": 3}


def figure(scale: Scale) -> Figure:
    """Return loss and accuracy of several widths, all at the teacher's learning rate and for its length."""
    design = DESIGNS[scale]
    studies = tuple(labelled(design, heads, design.T0) for heads in (*design.widths, design.teacher_heads))
    cost = {
        "smoke": "seconds",
        "quick": "9 models beside the teachers of fig4, about 9 minutes on two cores",
        "laptop": "6 models beside the teachers of fig4, a quarter of an hour on two cores, estimated",
        "paper": "per seed models of 8 and 16 heads, 8,000 steps, beside the teacher of fig4",
    }
    return Figure(
        cost=cost[scale],
        studies=studies,
        draw=lambda results: _draw(results, studies),
        claims=lambda results: _claims(studies),
    )


def _draw(results: Results, studies: Sequence[Study]) -> Any:
    """Draw against the steps on a log scale, on which step 0 has no place."""
    picture, (left, right) = panels(2, width=4.2, height=3.4)
    for i, study in enumerate(studies):
        one, label = of(results, study), heads_of(study.axes["heads"])
        for axis, metric in ((left, "loss"), (right, "accuracy")):
            curves = [[(s, v) for s, v in c if s > 0] for c in one.curves(TEACHER, metric)]
            curve(axis, curves, f"C{i}", label)
        # On the mean curve: the seeds' mean step and mean level would lie beside it.
        right.plot(*_reached(curves), color=f"C{i}", **_DOT)
    for i, (narrow, wide) in enumerate(pairwise(studies)):
        # What the claims measure. The level is the narrow model's end, the step the mean of the seeds'.
        level = statistics.fmean(_final(results, narrow).values())
        step = statistics.fmean(_share(results, wide, narrow).values()) * wide.axes["num_steps"]
        right.plot([step, narrow.axes["num_steps"]], [level] * 2, color=f"C{i}", ls=":", lw=1.2)
        right.plot(step, level, color=f"C{i + 1}", **_AS_GOOD)
    right.plot([], [], color="white", label="last accuracy of the next narrower (mean step)", **_AS_GOOD)
    right.plot([], [], color="white", label=f"{REACHED:.0%} of its own last accuracy (paper's mark)", **_DOT)
    spread_key(left)
    left.set(title="loss", ylabel="validation loss")
    right.set(title="accuracy", ylabel="test accuracy")
    for axis in (left, right):
        first, last = curves[0][0][0], curves[0][-1][0]
        log_steps(axis, first, last, xlabel="training steps")
        legend(axis)
    return picture


def _reached(curves: Sequence[Curve]) -> tuple[float, float]:
    """Return step and height where the mean of the curves first has `REACHED` of its last value."""
    steps, mean, _ = mean_and_spread(curves)
    first = int(np.argmax(mean >= REACHED * mean[-1]))
    return float(steps[first]), float(mean[first])


def _final(results: Results, study: Study) -> PerSeed:
    return of(results, study).final(TEACHER, "accuracy")


def _share(results: Results, wide: Study, narrow: Study) -> PerSeed:
    """Return the first step at which the wide model is where the narrow one ends, over T0; or 1."""
    levels = _final(results, narrow)
    return PerSeed(
        {
            seed: min((s for s, v in curve if v >= levels[seed]), default=curve[-1][0]) / curve[-1][0]
            for seed, curve in of(results, wide).history(TEACHER, "accuracy").items()
        }
    )


def _claims(studies: Sequence[Study]) -> list[Claim]:
    """Judge that each wider model ends better and gets there sooner, over the whole range of widths."""
    made = []
    for narrow, wide in pairwise(studies):
        few, many = narrow.axes["heads"], wide.axes["heads"]
        made += [
            Claim(
                f"{many}-over-{few}",
                f"{many} heads end at a higher accuracy than {few}.",
                lambda results, a=wide, b=narrow: _final(results, a) - _final(results, b),  # type: ignore[misc]
                MeanAbove(),
            ),
            Claim(
                f"{many}-sooner-than-{few}",
                f"{many} heads reach the last accuracy of {few} early (share of the steps).",
                lambda results, a=wide, b=narrow: _share(results, a, b),  # type: ignore[misc]
                AtMost(0.75),
            ),
        ]
    return made
