"""Progressive distillation helps a narrow BERT learn PCFG strings sooner (figure 1, right).

Every point is a run of its own: the cosine schedule of the learning rate depends on a run's length, so that
students are compared at several lengths, not along one run (D.2).
"""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._pcfg import (
    DESIGNS,
    PLAIN,
    PROGRESSIVE,
    TEACHER,
    Design,
    labelled,
    students,
)
from lit_curriculum.papers.progressive._pcfg_results import (
    BETTER_ONE_SHOT,
    Gain,
    beats,
    beats_both,
    by_length,
    gains_table,
    log_lengths,
    of,
    paper_lengths,
    pooled,
    worse_one_shot,
)
from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT, one_shot
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.joined import Part
from lit_curriculum.reproduce.panels import LINES, Line, legend, panels
from lit_curriculum.reproduce.predicates import MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import ALL_SCALES, Study

SCALES = ALL_SCALES

METHODS = (PLAIN, ONE_SHOT, ONE_SHOT_SOFT, PROGRESSIVE)
# Test accuracies of 8-head students and of 32 heads after 2, 4, 8 and 16 thousand steps, read off the
# published figure.
_PAPER = {
    "plain": (0.745, 0.866, 0.926, 0.927),
    "one-shot": (0.768, 0.901, 0.928, 0.953),
    "progressive": (0.803, 0.922, 0.958, 0.963),
    "teacher": (0.910, 0.960, 0.970, 0.980),
}
_PAPER_LENGTHS = (2000, 4000, 8000, 16_000)
_WIDE = "teacher's width, labels only"
_SHOWN = {"progressive": LINES["progressive"], "one-shot": BETTER_ONE_SHOT, "plain": LINES["plain"]}
_NAMES = {
    "progressive": "progressive distillation",
    "one-shot": "one-shot distillation at either temperature",
    "plain": "training with labels",
}


def part(scale: Scale) -> Part:
    """Return the panel."""
    design, narrow, wide = _runs(scale)
    return Part((*narrow, *wide), lambda axis, results: _draw(axis, results, design, narrow, wide))


def _runs(scale: Scale) -> tuple[Design, list[Study], list[Study]]:
    """Return the students and the teachers of every length."""
    design = DESIGNS[scale]
    narrow = [students(design, METHODS, design.heads[0], n) for n in design.horizons]
    lengths = design.wide_lengths or design.horizons
    return design, narrow, [labelled(design, design.teacher_heads, n) for n in lengths]


def figure(scale: Scale) -> Figure:
    """Return final accuracy against the length of the run."""
    design, narrow, wide = _runs(scale)
    cost = {
        "smoke": "seconds",
        "quick": "teachers of three lengths and 36 students, a third of them fig4's; about 20 minutes",
        "laptop": "36 students of fig4's teachers, a third of them fig5's, and the search; two hours on "
        "two busy cores, teachers and fig5 included",
        "paper": "per seed teachers of 2,000 to 16,000 steps and 16 students, batch 512, and the search",
    }
    return Figure(
        cost=cost[scale],
        studies=(*narrow, *wide),
        draw=lambda results: _alone(results, design, narrow, wide),
        table=lambda results: gains_table(
            results, narrow, {" over ".join(k): g for k, g in _gains().items()}
        ),
        claims=lambda results: _claims(narrow),
    )


def _final(results: Results, name: str) -> PerSeed:
    return one_shot(results) if name == "one-shot" else results.final(_ARMS[name], "accuracy")


_ARMS = {"progressive": PROGRESSIVE, "plain": PLAIN, "teacher": TEACHER}


def _alone(results: Results, design: Design, narrow: list[Study], wide: list[Study]) -> Any:
    """Draw the panel; where our sizes are not the paper's, its accuracies have one of their own beside it."""
    beside = not _at_its_size(design)
    picture, axes = panels(2 if beside else 1, width=4.6, height=3.6)
    _draw(axes[0], results, design, narrow, wide)
    legend(axes[0])
    if beside:
        axes[1].sharey(axes[0])
        style = {"marker": "o", "ms": 6, "mfc": "none", "ls": ":", "lw": 1.0}
        for name in ("teacher", *_SHOWN):
            line = _SHOWN.get(name, Line(_WIDE, LINES[name].colour))
            axes[1].plot(_PAPER_LENGTHS, _PAPER[name], color=line.colour, label=line.label, **style)
        log_lengths(axes[1], _PAPER_LENGTHS, title="the paper's: whole strings, 32 → 8 heads")
        legend(axes[1])
    return picture


def _at_its_size(design: Design) -> bool:
    return design.horizons == _PAPER_LENGTHS


def _draw(axis: Any, results: Results, design: Design, narrow: list[Study], wide: list[Study]) -> None:
    teachers = [of(results, study).final(TEACHER, "accuracy") for study in wide]
    by_length(axis, teachers, wide, Line(_WIDE, LINES["teacher"].colour))
    for name, line in _SHOWN.items():
        values = [_final(of(results, study), name) for study in narrow]
        by_length(axis, values, narrow, line._replace(style="-"))
    if _at_its_size(design):
        paper_lengths(axis, _PAPER, _PAPER_LENGTHS, design.horizons[-1])
    title = f"PCFG: {design.teacher_heads} → {design.heads[0]} heads"
    shown = sorted({study.axes["num_steps"] for study in (*narrow, *wide)})
    log_lengths(axis, shown, title=title, ylabel="test accuracy")


def _gains() -> dict[tuple[str, str], Gain]:
    """Return what is compared; one-shot is the better of two temperatures, where it is to win the worse."""
    return {
        ("progressive", "one-shot"): beats_both(PROGRESSIVE),
        ("progressive", "plain"): beats(PROGRESSIVE, PLAIN),
        ("one-shot", "plain"): lambda one: worse_one_shot(one) - one.final(PLAIN, "accuracy"),
    }


def _claims(narrow: list[Study]) -> list[Claim]:
    """Judge progressive against one-shot, and one-shot against labels, over all lengths."""

    def paper(better: str, worse: str) -> float:
        differences = [a - b for a, b in zip(_PAPER[better], _PAPER[worse], strict=True)]
        return round(sum(differences) / len(differences), 3)

    return [
        Claim(
            f"{better}-over-{worse}",
            f"{_NAMES[better].capitalize()} beats {_NAMES[worse]} (mean difference over the lengths).",
            pooled(narrow, gain),
            MeanAbove(),
            paper(better, worse),
        )
        for (better, worse), gain in _gains().items()
    ]
