"""Two ways to spread a teacher's checkpoints over a student: equal split, and kappa (figure 24)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._pcfg import (
    DESIGNS,
    EQUAL_SPLIT,
    HALF,
    ONE_SHOT,
    ONE_SHOT_SOFT,
    Design,
    by_length,
    heads_of,
    log_lengths,
    of,
    one_shot,
    too_easy,
    variants,
)
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import COLOURS, Line, panels
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results, mean_of
from lit_curriculum.reproduce.study import Study

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
        "laptop": "36 students, some of them fig1-right's, and the search; about 15 minutes on two cores",
        "paper": "per seed 24 students of 2,000 to 16,000 steps, batch 512, and the search",
    }
    studies = {heads: variants(design, tuple(LINES), heads) for heads in design.heads}
    return Figure(
        cost=cost[scale],
        studies=tuple(study for of_width in studies.values() for study in of_width),
        draw=lambda results: _draw(results, design, studies),
        claims=lambda results: _claims(design, studies),
    )


def _gain(results: Results, study: Study, method: str) -> PerSeed:
    """Return how far a method ends above one-shot distillation, the better of its two temperatures."""
    return of(results, study).final(method, "accuracy") - one_shot(of(results, study))


def _draw(results: Results, design: Design, studies: dict[int, tuple[Study, ...]]) -> Any:
    picture, axes = panels(2 * len(studies), width=3.3, height=3.2)
    for i, (heads, of_width) in enumerate(studies.items()):
        left, right = axes[2 * i], axes[2 * i + 1]
        for method, line in LINES.items():
            by_length(left, [of(results, s).final(method, "accuracy") for s in of_width], of_width, line)
            if method in (EQUAL_SPLIT, HALF):
                by_length(right, [_gain(results, study, method) for study in of_width], of_width, line)
        right.axhline(0, color="#555555", lw=0.8)
        log_lengths(left, design.variant_horizons, title=heads_of(heads), ylabel="test accuracy")
        log_lengths(
            right, design.variant_horizons, title="gap to one-shot", ylabel="difference of accuracies"
        )
        left.legend(fontsize=7)
    return picture


def _claims(design: Design, studies: dict[int, tuple[Study, ...]]) -> list[Claim]:
    """Judge both variants against one-shot at every length, and that the gap closes with length."""
    made = []
    for heads, of_width in studies.items():
        for method, name in ((EQUAL_SPLIT, "equal-split"), (HALF, "kappa-half")):
            for study in of_width:
                steps = study.axes["num_steps"]
                made.append(
                    Claim(
                        f"{name}-{heads}-heads-{steps}",
                        f"{heads} heads: {method} beats one-shot after {steps:,} steps.",
                        lambda results, s=study, m=method: _gain(results, s, m),  # type: ignore[misc]
                        MeanAbove(),
                        expected=too_easy(design, steps),
                    )
                )

            def closes(results: Results, of_width: tuple[Study, ...] = of_width, m: str = method) -> PerSeed:
                gains = [_gain(results, study, m) for study in of_width]
                return mean_of(*gains[:-1]) - gains[-1]

            made.append(
                Claim(
                    f"{name}-{heads}-heads-gap-closes",
                    f"{heads} heads: the gap of {method} is smaller at the longest run than before (mean "
                    "earlier gap minus the last).",
                    closes,
                    MeanAbove(),
                )
            )
    return made
