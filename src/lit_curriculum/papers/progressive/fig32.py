"""GPT-2 on boundary tokens: what progressive distillation gains on three grammars (figure 32)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lit_curriculum.papers.progressive._pcfg import HALF
from lit_curriculum.papers.progressive._pcfg_gpt2 import DESIGNS, at_all_lengths
from lit_curriculum.papers.progressive._pcfg_results import beats, gains_table, gap_bars, heads_of, pooled
from lit_curriculum.papers.progressive._teaching import ONE_SHOT
from lit_curriculum.papers.progressive.fig30 import ONE_SHOT_AHEAD
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import panels
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import Results

GRAMMARS = ("cfg3h", "cfg3g", "cfg3f")
_KNOWN: Known = {"laptop": {"cfg3f": ONE_SHOT_AHEAD}}


def figure(scale: Scale) -> Figure:
    """Return the relative gap between progressive and one-shot distillation at tau = 1e-4, by length."""
    design = DESIGNS[scale]
    heads = design.heads[0]
    studies = {
        grammar: at_all_lengths(replace(design, grammar=grammar), heads, (ONE_SHOT, HALF))
        for grammar in GRAMMARS
    }
    cost = {
        "smoke": "seconds",
        "laptop": "6 teachers and 24 students beside those of fig30; half an hour on two cores",
        "paper": "per seed two more teachers of 32 heads and 16 more students, batch 512; never run",
    }
    everything = tuple(study for of_grammar in studies.values() for study in of_grammar)
    gain = beats(HALF, ONE_SHOT)

    def draw(results: Results) -> Any:
        picture, (axis,) = panels(1, width=5.2, height=3.4)
        shown = {name: list(of_grammar) for name, of_grammar in studies.items()}
        gap_bars(axis, results, shown, ["#9ecae1", "#4292c6", "#084594"])
        axis.set_title(f"relative gain, tau = 1e-4, height 3, {heads_of(heads)}")
        return picture

    claims = [
        Claim(
            grammar,
            f"Progressive beats one-shot on {grammar} (mean difference over the lengths).",
            pooled(of_grammar, gain),
            MeanAbove(),
            "> 0",
        )
        for grammar, of_grammar in studies.items()
    ]
    return Figure(
        cost=cost[scale],
        studies=everything,
        draw=draw,
        table=lambda results: gains_table(results, everything, {"progressive over one-shot": gain}),
        claims=lambda results: claims,
        known=_KNOWN.get(scale, {}),
    )
