"""What progressive distillation gains on grammars of different difficulty (figure 27)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lit_curriculum.papers.progressive._pcfg import DESIGNS, GRAMMAR, HALF, variants
from lit_curriculum.papers.progressive._pcfg_results import beats, gains_table, gap_bars, heads_of, pooled
from lit_curriculum.papers.progressive._teaching import ONE_SHOT
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import panels
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import ALL_SCALES

SCALES = ALL_SCALES

# The paper's 32-head teacher does not learn cfg3g and cfg3f, so neither has it students on them.
GRAMMARS = ("cfg3b", "cfg3h", "cfg3i")


def figure(scale: Scale) -> Figure:
    """Return the relative gap between progressive and one-shot distillation, a panel for each width."""
    design = DESIGNS[scale]
    studies = {
        (grammar, heads): variants(replace(design, grammar=grammar), (ONE_SHOT, HALF), heads)
        for grammar in GRAMMARS
        for heads in design.heads
    }
    cost = {
        "smoke": "seconds",
        "quick": "6 teachers and 48 students beside those of fig24, about 23 minutes on two cores",
        "laptop": "6 teachers and 48 students and those of fig24, two hours on two cores, estimated",
        "paper": "per seed two more teachers and 32 more students, batch 512",
    }

    def draw(results: Results) -> Any:
        picture, axes = panels(len(design.heads), width=4.6, height=3.4)
        for axis, heads in zip(axes, design.heads, strict=True):
            shown = {grammar: list(studies[grammar, heads]) for grammar in GRAMMARS}
            gap_bars(axis, results, shown, ["#d55e00", "#e69f00", "#009e73"])
            axis.set_title(f"relative gain, tau = 1e-4, {heads_of(heads)}")
        return picture

    # cfg3b's runs are figure 25's.
    claims = [
        Claim(
            grammar,
            f"At tau = 1e-4 progressive beats one-shot on {grammar} (mean difference over widths and "
            "lengths).",
            pooled([s for heads in design.heads for s in studies[grammar, heads]], beats(HALF, ONE_SHOT)),
            MeanAbove(),
        )
        for grammar in GRAMMARS
        if grammar != GRAMMAR
    ]
    everything = tuple(study for of_case in studies.values() for study in of_case)
    return Figure(
        cost=cost[scale],
        studies=everything,
        draw=draw,
        table=lambda results: gains_table(
            results, everything, {"progressive over one-shot": beats(HALF, ONE_SHOT)}
        ),
        claims=lambda results: claims,
    )
