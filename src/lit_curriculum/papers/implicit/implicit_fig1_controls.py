"""Controls of figure 1: samples that ask for the sum of other bits do not make Parity learnable.

If Sum samples helped because they are easy, or because two tasks are better than one, the sum of bits that
Parity does not read would help as well. It is as easy; it only says nothing about which bits count.
"""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.implicit.implicit_fig1 import CHANCE, SOLVED
from lit_curriculum.reproduce.claim import Claim, final, gain
from lit_curriculum.reproduce.controls import solved
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import Line, draw_arms, in_millions, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, AtMost, MeanAbove
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Arm, Study, at_scale

P = 0.3
SAME, OTHERS, ALONE = "sum of the support", "sum of other bits", "parity alone"
LINES = {
    SAME: Line(SAME, "#d55e00"),
    OTHERS: Line(OTHERS, "#cc79a7"),
    ALONE: Line(ALONE, "#009e73", (0, (4, 2))),
}


def figure(scale: Scale) -> Figure:
    """Return accuracy on Parity and on Sum for the mixture, its control, and Parity alone."""
    n = {"smoke": 6, "laptop": 10, "paper": 50}[scale]
    settings: dict[str, dict[str, Any]] = {
        SAME: {"data.p": P},
        OTHERS: {"data.p": P, "data.sum_of": "others"},
        ALONE: {"data.p": 0.0},
    }
    arms = tuple(
        Arm(name=name, set={"model.n": n, "data.n": n, **changed}) for name, changed in settings.items()
    )
    study = at_scale(
        scale,
        "parity_mixture",
        arms=arms,
        seeds=(0, 1, 2, 3, 4),
        streams=("test",),
        metrics={name: f"test/{name}" for name in ("accuracy", "sum_accuracy")},
        fixed=("data.n", "model.n", "data.p", "data.sum_of"),
    )
    cost = {
        "smoke": "seconds",
        "laptop": "15 runs of about 40 seconds each on one core",
        "paper": "per seed 3 runs of figure 1's length (GPU); never run",
    }
    return Figure(
        cost=cost[scale],
        studies=(study,),
        draw=lambda results: _draw(results, study, n),
        claims=lambda results: _claims(),
    )


def _draw(results: Results, study: Study, n: int) -> Any:
    picture, (left, right) = panels(2, width=4.4, height=3.4)
    draw_arms(left, results, LINES)
    draw_arms(right, results, {name: LINES[name] for name in (SAME, OTHERS)}, "sum_accuracy")
    left.set(title=f"Parity, n = {n}, p = {P:g}", ylabel="Parity accuracy", ylim=(0.4, 1.03))
    right.set(title="the same runs on their Sum", ylabel="Sum accuracy", ylim=(0, 1.03))
    for axis in (left, right):
        axis.set_xlabel("training steps")
        in_millions(axis, study.value("data.num_steps"))
        legend(axis)
    return picture


def _claims() -> list[Claim]:
    """Judge that the mixture solves Parity, that the control does not, and that it is no harder a Sum."""
    return [
        Claim(
            "mixture-solves",
            "With samples that ask for the sum of the same bits Parity is solved.",
            final(SAME),
            AtLeast(SOLVED),
            paper=1.0,
        ),
        Claim(
            "others-stuck",
            "With as many that ask for the sum of other bits it stays at chance.",
            final(OTHERS),
            AtMost(CHANCE),
        ),
        Claim(
            "over-others",
            "The mixture ends above this control (difference of accuracies).",
            gain(SAME, OTHERS),
            MeanAbove(),
            note=solved(OTHERS, SOLVED),
        ),
        Claim(
            "others-learn-their-sum",
            "The control's Sum is learned all the same (accuracy): it is as easy a task.",
            lambda results: results.final(OTHERS, "sum_accuracy"),
            AtLeast(SOLVED),
        ),
    ]
