"""Two ways to spread a teacher's checkpoints over a student: equal split, and kappa (figure 24)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._pcfg import DESIGNS, EQUAL_SPLIT, HALF, Design, variants
from lit_curriculum.papers.progressive._pcfg_results import (
    beats,
    beats_both,
    by_length,
    gains_table,
    heads_of,
    log_lengths,
    of,
    pooled,
)
from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import COLOURS, Line, legend, panels
from lit_curriculum.reproduce.predicates import MeanAbove, MeanWithin
from lit_curriculum.reproduce.results import PerSeed, Results, mean_of
from lit_curriculum.reproduce.study import ALL_SCALES, Study

SCALES = ALL_SCALES

LINES = {
    ONE_SHOT: Line(ONE_SHOT, COLOURS["one-shot"]),
    ONE_SHOT_SOFT: Line(ONE_SHOT_SOFT, COLOURS["one-shot"], ":"),
    EQUAL_SPLIT: Line(EQUAL_SPLIT, COLOURS["two-shot"]),
    HALF: Line(HALF, COLOURS["progressive"]),
}


def figure(scale: Scale) -> Figure:
    """Return, for each width, the accuracy by length and the gap to one-shot distillation."""
    design = DESIGNS[scale]
    cost = {
        "smoke": "seconds",
        "quick": "36 students, some of them fig1-right's, and the search; about 15 minutes on two cores",
        "laptop": "5 teachers, 48 students and 80 runs of the search; two and a half hours on two busy cores",
        "paper": "per seed 24 students of 2,000 to 16,000 steps, batch 512, and the search",
    }
    studies = {heads: variants(design, tuple(LINES), heads) for heads in design.heads}
    return Figure(
        cost=cost[scale],
        studies=tuple(study for of_width in studies.values() for study in of_width),
        draw=lambda results: _draw(results, design, studies),
        table=lambda results: gains_table(
            results,
            [study for of_width in studies.values() for study in of_width],
            {name: beats_both(name) for name in (EQUAL_SPLIT, HALF)},
        ),
        claims=lambda results: _claims(studies),
    )


def _draw(results: Results, design: Design, studies: dict[int, tuple[Study, ...]]) -> Any:
    picture, axes = panels(2 * len(studies), width=3.3, height=3.2)
    for i, (heads, of_width) in enumerate(studies.items()):
        left, right = axes[2 * i], axes[2 * i + 1]
        for method, line in LINES.items():
            by_length(left, [of(results, s).final(method, "accuracy") for s in of_width], of_width, line)
            if method in (EQUAL_SPLIT, HALF):
                by_length(
                    right, [beats_both(method)(of(results, study)) for study in of_width], of_width, line
                )
        right.axhline(0, color="#555555", lw=0.8)
        log_lengths(left, design.variant_horizons, title=heads_of(heads), ylabel="test accuracy")
        log_lengths(
            right, design.variant_horizons, title="gap to one-shot", ylabel="difference of accuracies"
        )
        legend(left)
    return picture


def _claims(studies: dict[int, tuple[Study, ...]]) -> list[Claim]:
    """Judge equal split against one-shot and against kappa, and that the gap closes with length.

    Where a student is half as long as its teacher, equal split and kappa = 1/2 are the same runs; kappa
    against one-shot is figure 25's.
    """
    apart = [
        study
        for of_width in studies.values()
        for study in of_width
        if study.axes["num_steps"] != study.value("data.num_steps", study.arm(HALF).teacher) // 2
    ]

    def closes(results: Results) -> PerSeed:
        gaps = [[beats_both(HALF)(of(results, s)) for s in of_width] for of_width in studies.values()]
        return mean_of(*(mean_of(*of_width[:-1]) - of_width[-1] for of_width in gaps))

    return [
        Claim(
            "equal-split-over-one-shot",
            "Equal split beats one-shot distillation at either temperature (mean difference over widths and "
            "lengths at which it is not kappa = 1/2).",
            pooled(apart, beats_both(EQUAL_SPLIT)),
            MeanAbove(),
        ),
        Claim(
            "as-good-as-kappa",
            "There it ends within 0.01 of kappa = 1/2.",
            pooled(apart, beats(EQUAL_SPLIT, HALF)),
            MeanWithin(0.01),
        ),
        Claim(
            "gap-closes",
            "The gap of kappa = 1/2 to one-shot is smaller at the longest run than before (mean earlier gap "
            "minus the last, mean over widths).",
            closes,
            MeanAbove(),
        ),
    ]
