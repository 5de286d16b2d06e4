"""GPT-2 on boundary tokens: progressive distillation against one-shot at three heights (figure 30)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lit_curriculum.papers.progressive._pcfg import HALF
from lit_curriculum.papers.progressive._pcfg_gpt2 import DESIGNS, HEIGHTS, Design, at_all_lengths
from lit_curriculum.papers.progressive._pcfg_results import (
    BETTER_ONE_SHOT,
    beats_both,
    by_length,
    gains_table,
    heads_of,
    log_lengths,
    of,
    pooled,
)
from lit_curriculum.papers.progressive._teaching import one_shot
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import LINES, panels
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results, mean_of, smallest
from lit_curriculum.reproduce.study import Study

Panels = dict[int, tuple[Study, ...]]

ONE_SHOT_AHEAD = (
    "fails: one-shot is ahead. Tried: students of one head for 240 to 1,600 steps at rates of 1e-2 and 2e-2, "
    "teachers of 4 and 6 heads for 1,600 and 3,200 steps; no length or rate was found at which progressive "
    "is ahead. The teacher's loss falls evenly at this size (figure 29)."
)
"""What is known of the claims of figures 30 to 32 at laptop scale."""
_NO_GAP = "fails: one-shot is ahead, so there is no gap that could close or grow."
_KNOWN: Known = {
    "laptop": {
        **{f"progressive-over-one-shot-{height}": ONE_SHOT_AHEAD for height in HEIGHTS},
        "gap-closes": _NO_GAP,
        "gap-grows-with-height": _NO_GAP,
    }
}


def figure(scale: Scale, which: int = 0) -> Figure:
    """Return final accuracy against the length of the run, a panel a height; ``which`` of the widths."""
    design = DESIGNS[scale]
    heads = design.heads[which]
    studies = {height: at_all_lengths(replace(design, height=height), heads) for height in HEIGHTS}
    cost = {
        "smoke": "seconds",
        "laptop": "9 teachers and 54 students, and the search; half an hour on two cores",
        "paper": "per seed 3 teachers of 32 heads and 36 students, batch 512, and the search; never run",
    }
    everything = tuple(study for of_height in studies.values() for study in of_height)
    return Figure(
        cost=cost[scale],
        studies=everything,
        draw=lambda results: _draw(results, design, heads, studies),
        table=lambda results: gains_table(
            results, everything, {"progressive over one-shot": beats_both(HALF)}
        ),
        claims=lambda results: _claims(studies),
        known=_KNOWN.get(scale, {}),
    )


def _draw(results: Results, design: Design, heads: int, studies: Panels) -> Any:
    picture, axes = panels(len(studies), width=4.0, height=3.2)
    for axis, (height, of_height) in zip(axes, studies.items(), strict=True):
        ends = {
            "progressive": [of(results, study).final(HALF, "accuracy") for study in of_height],
            "one-shot": [one_shot(of(results, study)) for study in of_height],
        }
        for name, values in ends.items():
            by_length(axis, values, of_height, BETTER_ONE_SHOT if name == "one-shot" else LINES[name])
        title = f"height {height}, {heads_of(heads)}"
        log_lengths(axis, design.horizons, title=title, ylabel="test accuracy")
    # Below all panels: inside it would cover a band.
    picture.legend(*axis.get_legend_handles_labels(), fontsize=8, ncols=2, loc="outside lower center")
    return picture


def _claims(studies: Panels) -> list[Claim]:
    """Judge progressive against the better one-shot at each height, and how the gap changes.

    Where there is no gap none can close or grow: such claims are of the smaller of the gap and its change.
    """
    gain = beats_both(HALF)

    def gap(results: Results, height: int) -> PerSeed:
        return pooled(studies[height], gain)(results)

    def closes(results: Results) -> PerSeed:
        short, long = (
            mean_of(*(gain(of(results, of_height[i])) for of_height in studies.values())) for i in (0, -1)
        )
        return smallest(short, short - long)

    def grows(results: Results) -> PerSeed:
        return smallest(gap(results, 4), gap(results, 4) - gap(results, 2))

    return [
        *(
            Claim(
                f"progressive-over-one-shot-{height}",
                f"Progressive beats one-shot distillation at either temperature at height {height} (mean "
                "difference over the lengths).",
                lambda results, h=height: gap(results, h),  # type: ignore[misc]
                MeanAbove(),
                "> 0",
            )
            for height in HEIGHTS
        ),
        Claim(
            "gap-closes",
            "There is a gap at the shortest run, and it is smaller at the longest (mean over heights).",
            closes,
            MeanAbove(),
            "> 0",
        ),
        Claim(
            "gap-grows-with-height",
            "There is a gap at height 4, larger than at height 2, where more tokens are predicted.",
            grows,
            MeanAbove(),
            "> 0",
        ),
    ]
