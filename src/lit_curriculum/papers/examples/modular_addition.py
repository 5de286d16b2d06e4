"""Weight decay makes a network generalise, long after it has learned its training pairs (worked example)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import Line, draw_arms, in_millions, legend, panels, shades
from lit_curriculum.reproduce.predicates import AtLeast, AtMost, Sooner
from lit_curriculum.reproduce.results import Results, saved
from lit_curriculum.reproduce.study import Arm, Study, at_scale

DECAYS = (0.0, 0.1, 0.3, 1.0)
ARMS = [f"weight decay {decay:g}" for decay in DECAYS]


def figure(scale: Scale) -> Figure:
    """Return test accuracy against updates, a line for each weight decay."""
    study = at_scale(
        scale,
        "modular_addition",
        arms=tuple(
            Arm(name=name, set={"model.optimizer.weight_decay": decay})
            for name, decay in zip(ARMS, DECAYS, strict=True)
        ),
        seeds=(0, 1, 2, 3, 4),
        metrics={"accuracy": "test/accuracy", "train loss": "train/loss"},
        fixed=("model.optimizer.weight_decay",),
    )
    cost = {
        "smoke": "seconds",
        "laptop": "20 runs of about 20 seconds each on one core",
        "paper": "20 runs of a network of width 1,024, 100,000 updates of 512 pairs; never run",
    }
    return Figure(
        cost=cost[scale], studies=(study,), draw=lambda results: _draw(results, study), claims=_claims
    )


def _draw(results: Results, study: Study) -> Any:
    picture, (axis,) = panels(1, width=5.0, height=3.6)
    draw_arms(axis, results, {name: Line(name, colour) for name, colour in shades(ARMS).items()})
    p = study.value("data.p")
    axis.set(xlabel="updates", ylabel="test accuracy", title=f"a + b mod {p}", ylim=(-0.03, 1.03))
    in_millions(axis, study.value("data.num_steps"))
    legend(axis)
    return picture


def _claims(results: Results) -> list[Claim]:
    """Judge that all arms know their pairs, which of them know the others, and who does first."""

    def steps(results: Results, arm: str) -> Any:
        return results.steps_to(arm, "accuracy", 0.5)

    return [
        Claim(
            "training-pairs-learned",
            "Without weight decay the training pairs are learned (mean training loss at the end).",
            final(ARMS[0], "train loss"),
            AtMost(0.01),
        ),
        Claim("memorised", "It knows no other pair (test accuracy).", final(ARMS[0]), AtMost(0.2)),
        Claim(
            "generalises", "With weight decay 1 it knows them (test accuracy).", final(ARMS[-1]), AtLeast(0.9)
        ),
        Claim(
            "sooner-with-more",
            "More weight decay, 1 against 0.3, reaches half of them in fewer updates (updates saved).",
            lambda results: saved(steps(results, ARMS[-2]), steps(results, ARMS[-1])),
            Sooner(),
        ),
    ]
