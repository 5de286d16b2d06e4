"""Figure 5 with students that run past their own inflection, M_robust and M_close all the way (figure 5).

M_robust rises before it falls (figure 4), so of two students that are stopped on its rising side the better
one has more of it. Here students are as long as their teacher and wide enough to come down again, and the
methods are compared where they are equally accurate, not only where they end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lit_curriculum.papers.progressive._pcfg import (
    DESIGNS,
    PLAIN,
    PROGRESSIVE,
    TEACHER,
    Design,
    labelled,
    probes,
    students,
)
from lit_curriculum.papers.progressive._pcfg_results import at_accuracy, heads_of, of
from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT, better_one_shot
from lit_curriculum.papers.progressive.fig5 import NS, claims_of_ends, draw_nonterminals
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import LINES, draw_arms, in_millions, legend, panels, spread_key
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results, mean_of, smallest
from lit_curriculum.reproduce.study import ALL_SCALES, Study

SCALES = ALL_SCALES

_TEMPERATURES = (ONE_SHOT, ONE_SHOT_SOFT)

_KNOWN: Known = {
    "laptop": {
        "robust": "inconclusive: distilled students come down alike, to .12 to .29 for n = 3, whatever the "
        "schedule; those of n = 7 and 9 stay at .6.",
        "close": "inconclusive: .03 to .04 after progressive, .03 to .06 after one-shot at tau = 1e-4, .07 "
        "to .17 at tau = 1.",
        "nonterminals": "fails: the probe tells less of progressive students at depths 0 to 2. Their chosen "
        "rate, 1e-2, is twice the others'; at 5e-3, tried with all three seeds, they are as accurate and the "
        "probe tells as much of them as of one-shot at tau = 1e-4 (.75 at depth 1, .84 at depth 2).",
        "robust-at-equal-accuracy": "inconclusive: lower in every seed, by .002 to .017.",
        "close-at-equal-accuracy": "inconclusive: lower in two seeds of three.",
    },
}


def figure(scale: Scale) -> Figure:
    """Return what students know on their way and at their end."""
    design = DESIGNS[scale]
    study = _students(design)
    teachers = labelled(design, design.teacher_heads, design.T0)
    cost = {
        "smoke": "seconds",
        "quick": "the teachers of fig4, 12 students of 4,000 steps, some of their search: not run yet",
        "laptop": "5 teachers, 12 students of 8,000 steps and 40 runs of their search, some of them fig4's "
        "and fig24's; an hour on two cores",
        "paper": "per seed four students of 16,000 steps, measured every 2,000, beside those of fig1-right",
    }
    return Figure(
        cost=cost[scale],
        studies=(study, teachers),
        draw=lambda results: _draw(results, study, teachers),
        claims=lambda results: [*claims_of_ends(study), *_claims(study)],
        known=_KNOWN.get(scale, {}),
    )


def _students(design: Design) -> Study:
    """Return students of the wider size, as long as the teacher or the longest ones of figure 1."""
    num_steps = max(design.T0, design.horizons[-1])
    methods = (PLAIN, *_TEMPERATURES, PROGRESSIVE)
    known = students(design, methods, design.heads[-1], num_steps)
    measured = probes(design, 2 * design.spacing, num_steps)
    return replace(known, arms=tuple(replace(arm, probes=measured) for arm in known.arms))


def _draw(results: Results, study: Study, teachers: Study) -> Any:
    """Draw M_robust(3) over steps and over accuracy, M_close(9) over accuracy, and the probe."""
    found, num_steps = of(results, study), study.axes["num_steps"]
    shown = {"plain": PLAIN, "one-shot": better_one_shot(found), "progressive": PROGRESSIVE}
    picture, axes = panels(4, width=3.7, height=3.3)
    over_steps, robust, close, nonterminals = axes
    draw_arms(over_steps, found, {arm: LINES[name] for name, arm in shown.items()}, "robust_3")
    over_steps.set(xlabel="training steps", ylabel="median $M_{robust}$, n = 3")
    over_steps.set_title(f"students of {heads_of(study.axes['heads'])}")
    in_millions(over_steps, num_steps)
    spread_key(over_steps)
    for axis, metric in ((robust, "robust_3"), (close, "close_9")):
        for name, arm in shown.items():
            _against_accuracy(axis, found, name, arm, metric)
        _against_accuracy(axis, of(results, teachers), "teacher", TEACHER, metric)
        axis.set(xlabel="test accuracy")
    robust.set(title="the same, over accuracy", ylabel="median $M_{robust}$, n = 3")
    close.set(title="full against 9 tokens alone", ylabel="median $M_{close}$, n = 9")
    for axis in (over_steps, robust, close):
        legend(axis)
    draw_nonterminals(nonterminals, found, shown)
    return picture


def _against_accuracy(axis: Any, results: Results, name: str, arm: str, metric: str) -> None:
    """Draw each seed's metric against its accuracy, where both were measured."""
    line = LINES[name]
    accuracies, values = results.history(arm, "accuracy"), results.history(arm, metric)
    for i, (seed, curve) in enumerate(values.items()):
        at = dict(accuracies[seed])
        points = [(at[step], value) for step, value in curve if step in at]
        label = line.label if i == 0 else None
        axis.plot(
            *zip(*points, strict=True), color=line.colour, ls=line.style, lw=1.1, alpha=0.8, label=label
        )


def _claims(study: Study) -> list[Claim]:
    """Judge whether students pass the peak, and both measures at the accuracy that both methods reach."""
    middle = study.axes["num_steps"] // 4

    def fall(results: Results, arm: str) -> PerSeed:
        found = of(results, study)
        return found.at(arm, "robust_3", middle) - found.final(arm, "robust_3")

    def lower(metric: str) -> Callable[[Results], PerSeed]:
        return lambda results: _lower_at_equal(of(results, study), metric)

    return [
        Claim(
            "past-the-peak",
            "Students end past the peak of M_robust(3): after progressive and after one-shot distillation it "
            "is lower at the end than after a quarter of the run (the smaller fall of the two, one-shot at "
            "its better temperature).",
            lambda results: smallest(
                fall(results, PROGRESSIVE), fall(results, better_one_shot(of(results, study)))
            ),
            MeanAbove(),
        ),
        Claim(
            "robust-at-equal-accuracy",
            "At the highest accuracy that both reach, M_robust is lower after progressive than after "
            "one-shot distillation (mean difference over n; the temperature for which it is smaller).",
            lambda results: mean_of(*(lower(f"robust_{n}")(results) for n in NS)),
            MeanAbove(),
        ),
        Claim(
            "close-at-equal-accuracy",
            f"There M_close for the longest context, n = {NS[-1]}, is lower as well.",
            lower(f"close_{NS[-1]}"),
            MeanAbove(),
        ),
    ]


def _lower_at_equal(results: Results, metric: str) -> PerSeed:
    """Return how far a metric of progressive students is below one-shot's at the accuracy that both reach.

    For each temperature of one-shot that is the lower one of the two best accuracies on the way. Of the two
    differences the smaller one counts.
    """

    def beside(arm: str) -> PerSeed:
        level = smallest(results.best(arm, "accuracy"), results.best(PROGRESSIVE, "accuracy"))
        ours = at_accuracy(results, PROGRESSIVE, metric, level)
        return at_accuracy(results, arm, metric, level) - ours

    return smallest(*map(beside, _TEMPERATURES))
