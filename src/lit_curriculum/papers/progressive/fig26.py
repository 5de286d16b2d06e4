"""Progressive and one-shot distillation at several mask rates (figure 26).

The paper's text does not name its mask rates. These are half of the main text's 0.3, which is BERT's own,
0.3 itself, and 0.45.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lit_curriculum.papers.progressive._pcfg import DESIGNS, HALF, MASK_RATE, variants
from lit_curriculum.papers.progressive._pcfg_results import (
    beats,
    gains_table,
    gap_bars,
    heads_of,
    of,
    pooled,
    relative_gain,
)
from lit_curriculum.papers.progressive._teaching import ONE_SHOT
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import panels
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results, mean_of
from lit_curriculum.reproduce.study import ALL_SCALES, Study

SCALES = ALL_SCALES

MASK_RATES = (0.15, 0.3, 0.45)

_KNOWN: Known = {
    "laptop": {
        "gap-closes": "inconclusive: in every seed, by a share of .03, .17 and .19; at mask rate 0.15 two "
        "seeds of one-shot are hardly off the plateau after 2,000 steps."
    }
}


def figure(scale: Scale) -> Figure:
    """Return the relative gap between progressive and one-shot distillation."""
    design = DESIGNS[scale]
    studies = {
        rate: variants(replace(design, mask_rate=rate), (ONE_SHOT, HALF), design.heads[0])
        for rate in MASK_RATES
    }
    cost = {
        "smoke": "seconds",
        "quick": "6 teachers and 24 students beside those of fig24, about 16 minutes on two cores",
        "laptop": "11 teachers, 36 students and 20 runs of the search, some of them fig24's; an hour on two "
        "cores",
        "paper": "per seed two more teachers and 16 more students, batch 512",
    }

    def draw(results: Results) -> Any:
        picture, (axis,) = panels(1, width=5.2, height=3.4)
        shown = {f"mask rate {rate:g}": list(of_rate) for rate, of_rate in studies.items()}
        gap_bars(axis, results, shown, ["#9ecae1", "#4292c6", "#084594"])
        axis.set_title(f"relative gain, tau = 1e-4, {heads_of(design.heads[0])}")
        return picture

    return Figure(
        cost=cost[scale],
        studies=tuple(study for of_rate in studies.values() for study in of_rate),
        draw=draw,
        table=lambda results: gains_table(
            results,
            [study for of_rate in studies.values() for study in of_rate],
            {"progressive over one-shot": beats(HALF, ONE_SHOT)},
        ),
        claims=lambda results: _claims(studies),
        known=_KNOWN.get(scale, {}),
    )


def _claims(studies: dict[float, tuple[Study, ...]]) -> list[Claim]:
    """Judge the gap at other mask rates than the main text's, whose runs are figure 25's."""
    others = {rate: of_rate for rate, of_rate in studies.items() if rate != MASK_RATE}

    def closes(results: Results) -> PerSeed:
        gaps = [[relative_gain(of(results, study)) for study in of_rate] for of_rate in others.values()]
        return mean_of(*(mean_of(*of_rate[:-1]) - of_rate[-1] for of_rate in gaps))

    return [
        Claim(
            "other-mask-rates",
            f"At tau = 1e-4 progressive beats one-shot at mask rates other than {MASK_RATE:g} (mean "
            "difference over rates and lengths).",
            pooled([study for of_rate in others.values() for study in of_rate], beats(HALF, ONE_SHOT)),
            MeanAbove(),
        ),
        Claim(
            "gap-closes",
            "There the relative gap is smaller at the longest run than before (mean earlier gap minus the "
            "last).",
            closes,
            MeanAbove(),
        ),
    ]
