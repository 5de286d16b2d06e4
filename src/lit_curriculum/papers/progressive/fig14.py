"""Transformers: two-shot distillation at every low temperature behaves like hard labels (figure 14)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._gpt2 import SOLVED, student, study, teacher, two_shot
from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import Line, draw_arms, in_millions, legend, panels, shades
from lit_curriculum.reproduce.predicates import MeanBelow, MeanWithin
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Study

TAUS = (1.0, 0.1, 0.01, 1e-4, 0.0)
MARGIN = 0.05
"""Two mean accuracies over a run that differ by less are taken for alike."""


def figure(scale: Scale) -> Figure:
    """Return accuracy against training steps, a line a temperature."""
    wide = teacher(scale)
    arms = [student(scale, _name(tau), wide, two_shot(scale, tau), "two-shot") for tau in TAUS]
    # Every temperature takes the learning rate that figure 13's two-shot student found.
    searched = study(scale, (student(scale, "two-shot", wide, two_shot(scale)),))
    ours = study(scale, arms, tuned_in=searched)
    cost = {
        "smoke": "seconds",
        "laptop": "about 12 minutes on two cores after figure 13, whose teachers it shares",
        "paper": "per seed one teacher of 32 heads and five students of 4, 8M samples each; never run",
    }
    return Figure(
        cost=cost[scale],
        studies=(ours,),
        draw=lambda results: _draw(results, ours),
        claims=lambda results: _claims(),
    )


def _name(tau: float) -> str:
    return f"tau={tau:g}"


def _draw(results: Results, ours: Study) -> Any:
    picture, (axis,) = panels(1, width=5.2, height=3.8)
    colours = shades(TAUS)
    draw_arms(axis, results, {_name(tau): Line(f"$\\tau$ = {tau:g}", colours[tau]) for tau in TAUS})
    axis.set(
        xlabel="training steps", ylabel="test accuracy", title="two-shot distillation", ylim=(0.45, 1.03)
    )
    in_millions(axis, ours.value("data.num_steps", ours.arms[0]))
    legend(axis)
    return picture


def _claims() -> list[Claim]:
    """Judge each temperature against argmax by the mean accuracy over the run: how early it learns."""

    def against_argmax(tau: float) -> Any:
        return lambda results: results.mean(_name(tau), "accuracy") - results.mean(_name(0.0), "accuracy")

    return [
        Claim(
            "argmax-solves",
            "At tau = 0 two-shot distillation solves the task.",
            final(_name(0.0)),
            SOLVED,
            1.0,
        ),
        *(
            Claim(
                f"tau-{tau:g}-like-argmax".replace(".", "-"),
                f"Tau = {tau:g} behaves like argmax (mean accuracy over the run, difference).",
                against_argmax(tau),
                MeanWithin(MARGIN),
            )
            for tau in TAUS
            if 0 < tau <= 0.01
        ),
        Claim(
            "tau-1-slower",
            "At tau = 1 there is less acceleration than with argmax.",
            against_argmax(1.0),
            MeanBelow(),
        ),
    ]
