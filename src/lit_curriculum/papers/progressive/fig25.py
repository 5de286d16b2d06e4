"""Progressive and one-shot distillation with hard and soft labels (figure 25)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._pcfg import DESIGNS, HALF, HALF_SOFT, Design, variants
from lit_curriculum.papers.progressive._pcfg_results import (
    beats,
    by_length,
    gains_table,
    heads_of,
    log_lengths,
    of,
    pooled,
)
from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import COLOURS, Line, legend, panels
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import ALL_SCALES, Study

SCALES = ALL_SCALES

_KNOWN: Known = {
    "quick": {"hard-over-soft": "fails: on short strings tau = 1 is ahead by .02 in every seed"},
    "laptop": {
        "hard-over-one-shot-soft": "inconclusive: ahead in every seed, by .01 to .04.",
        "hard-over-soft": "fails: tau = 1 is ahead by .03 to .05 in every seed, at both widths and lengths.",
    },
}

LINES = {
    ONE_SHOT: Line("one-shot, tau = 1e-4", COLOURS["one-shot"]),
    ONE_SHOT_SOFT: Line("one-shot, tau = 1", COLOURS["one-shot"], "--"),
    HALF: Line("progressive, tau = 1e-4", COLOURS["progressive"]),
    HALF_SOFT: Line("progressive, tau = 1", COLOURS["progressive"], "--"),
}


def figure(scale: Scale) -> Figure:
    """Return accuracy by length, a panel for each width."""
    design = DESIGNS[scale]
    cost = {
        "smoke": "seconds",
        "quick": "48 students, half of them other figures', and the search; about 10 minutes on two cores",
        "laptop": "5 teachers, 48 students and 80 runs of the search, most of them fig24's; three core-hours",
        "paper": "per seed 32 students of 2,000 to 16,000 steps, batch 512, and the search",
    }
    studies = {heads: variants(design, tuple(LINES), heads) for heads in design.heads}
    return Figure(
        cost=cost[scale],
        studies=tuple(study for of_width in studies.values() for study in of_width),
        draw=lambda results: _draw(results, design, studies),
        table=lambda results: gains_table(
            results,
            [study for of_width in studies.values() for study in of_width],
            {f"over {method}": beats(HALF, method) for method in (ONE_SHOT, ONE_SHOT_SOFT)},
        ),
        claims=lambda results: _claims(studies),
        known=_KNOWN.get(scale, {}),
    )


def _draw(results: Results, design: Design, studies: dict[int, tuple[Study, ...]]) -> Any:
    picture, axes = panels(len(studies), width=4.2, height=3.4)
    for axis, (heads, of_width) in zip(axes, studies.items(), strict=True):
        for method, line in LINES.items():
            values = [of(results, study).final(method, "accuracy") for study in of_width]
            by_length(axis, values, of_width, line)
        log_lengths(axis, design.variant_horizons, title=heads_of(heads), ylabel="test accuracy")
        legend(axis)
    return picture


def _claims(studies: dict[int, tuple[Study, ...]]) -> list[Claim]:
    """Judge progressive distillation at tau = 1e-4 against the other three arms."""
    everything = [study for of_width in studies.values() for study in of_width]

    def ahead(name: str, statement: str, of_what: str) -> Claim:
        said = f"{statement} (mean difference over widths and lengths)."
        return Claim(name, said, pooled(everything, beats(HALF, of_what)), MeanAbove())

    hard = "Progressive at tau = 1e-4"
    return [
        ahead("hard-over-one-shot-hard", f"{hard} beats {ONE_SHOT}", ONE_SHOT),
        ahead("hard-over-one-shot-soft", f"{hard} beats {ONE_SHOT_SOFT}", ONE_SHOT_SOFT),
        ahead("hard-over-soft", "Progressive at tau = 1 does worse than at tau = 1e-4", HALF_SOFT),
    ]
