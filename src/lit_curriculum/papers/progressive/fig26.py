"""Progressive distillation beats one-shot distillation at every mask rate (figure 26).

The paper's text does not name its mask rates. These are half of the main text's 0.3, which is BERT's own,
0.3 itself, and 0.45.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lit_curriculum.papers.progressive._pcfg import (
    DESIGNS,
    HALF,
    ONE_SHOT,
    Design,
    gap_bars,
    heads_of,
    of,
    relative_gain,
    too_easy,
    variants,
)
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import panels
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results, mean_of
from lit_curriculum.reproduce.study import Study

MASK_RATES = (0.15, 0.3, 0.45)


def figure(scale: Scale) -> Figure:
    """Return the relative gap between progressive and one-shot distillation."""
    design = DESIGNS[scale]
    studies = {
        rate: variants(replace(design, mask_rate=rate), (ONE_SHOT, HALF), design.heads[0])
        for rate in MASK_RATES
    }
    cost = {
        "smoke": "seconds",
        "laptop": "6 teachers and 24 students beside those of fig24, about 16 minutes on two cores",
        "paper": "per seed two more teachers and 16 more students, batch 512",
    }

    def draw(results: Results) -> Any:
        picture, (axis,) = panels(1, width=5.2, height=3.4)
        shown = {f"mask rate {rate:g}": list(of_rate) for rate, of_rate in studies.items()}
        gap_bars(axis, results, shown, ["#9ecae1", "#4292c6", "#084594"])
        axis.set_title(f"progressive over one-shot, {heads_of(design.heads[0])}")
        return picture

    return Figure(
        cost=cost[scale],
        studies=tuple(study for of_rate in studies.values() for study in of_rate),
        draw=draw,
        claims=lambda results: _claims(design, studies),
    )


def _claims(design: Design, studies: dict[float, tuple[Study, ...]]) -> list[Claim]:
    """Judge the gap at every mask rate and length, and that it closes with length."""
    made = []
    for rate, of_rate in studies.items():
        name = f"mask-{rate:g}".replace(".", "-")
        made += [
            Claim(
                f"{name}-{study.axes['num_steps']}",
                f"Mask rate {rate:g}: progressive beats one-shot after {study.axes['num_steps']:,} steps.",
                lambda results, s=study: of(results, s).paired(HALF, ONE_SHOT, "accuracy"),  # type: ignore[misc]
                MeanAbove(),
                expected=too_easy(design, study.axes["num_steps"]),
            )
            for study in of_rate
        ]

        def closes(results: Results, of_rate: tuple[Study, ...] = of_rate) -> PerSeed:
            gaps = [relative_gain(of(results, study)) for study in of_rate]
            return mean_of(*gaps[:-1]) - gaps[-1]

        made.append(
            Claim(
                f"{name}-gap-closes",
                f"Mask rate {rate:g}: the relative gap is smaller at the longest run than before (mean "
                "earlier gap minus the last).",
                closes,
                MeanAbove(),
            )
        )
    return made
