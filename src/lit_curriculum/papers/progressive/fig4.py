"""The n-gram curriculum of PCFG-BERT: which of a teacher's checkpoints teaches a narrow student (figure 4).

Left: the teacher's loss has three phases. Middle: its dependence on 3-grams (M_robust) rises, peaks, and
falls; dashes at the edge are the values of the best possible predictor. Right: a narrow student is taught by
one intermediate checkpoint for T steps and then by the final one; which intermediate checkpoint is best?
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lit_curriculum.distillation import Choice, choose_checkpoint
from lit_curriculum.papers.progressive._pcfg import (
    DESIGNS,
    PLAIN,
    TEACHER,
    Design,
    labelled,
    students,
    two_shot,
)
from lit_curriculum.papers.progressive._pcfg_results import BETTER_ONE_SHOT, end_over_peak, log_steps, of
from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT, one_shot
from lit_curriculum.probes.ngram import draw_inputs
from lit_curriculum.probes.optimal import optimal_robust
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import (
    COLOURS,
    LINES,
    NGRAM_COLOURS,
    curve,
    in_millions,
    legend,
    panels,
    spread_key,
)
from lit_curriculum.reproduce.predicates import AtMost, Between, MeanAbove
from lit_curriculum.reproduce.ranks import partial_rank_correlation
from lit_curriculum.reproduce.results import PerSeed, Results, Row
from lit_curriculum.reproduce.study import ALL_SCALES, Study
from lit_curriculum.tasks.pcfg import Sampler, load_grammar

SCALES = ALL_SCALES

OPTIMUM = "best predictor"
_KNOWN: Known = {
    "quick": {
        "value-with-dependence": "inconclusive: five candidates are few; in one seed accuracy alone orders "
        "the students",
        "best-at-inflection": "inconclusive: in every seed the student of an earlier checkpoint, 600, ends "
        "above that of the peak, near 1,200",
    }
}


def figure(scale: Scale) -> Figure:
    """Return the teacher's loss and M_robust, and students by intermediate checkpoint."""
    design = DESIGNS[scale]
    methods = [PLAIN, ONE_SHOT, ONE_SHOT_SOFT, *design.two_shots]
    teacher = labelled(design, design.teacher_heads, design.T0)
    student = students(design, methods, design.heads[0], design.student_steps)
    cost = {
        "smoke": "seconds",
        "quick": "5 teachers and 40 students, about 20 minutes on two cores",
        "laptop": "5 teachers of 8,000 steps, 73 students of 2,000; about an hour on two cores",
        "paper": "per seed one teacher of 8,000 steps and 18 students of 4,000, batch 512, and the search",
    }
    return Figure(
        cost=cost[scale],
        studies=(teacher, student),
        measure=lambda seeds: _optimum(design, teacher, seeds[0]),
        # The best predictor's, with the studies' own grammar and mask rate; candidates are measured steps.
        fixed=("data.roots", "data.eval_every"),
        draw=lambda results: _draw(results, design, teacher, student),
        claims=lambda results: _claims(results, _Found(design, teacher, student)),
        known=_KNOWN.get(scale, {}),
    )


def choices(teacher: Results) -> dict[int, Choice]:
    """Return each seed's checkpoint by the loss and by the peak of M_robust(3)."""
    losses, robust = teacher.history(TEACHER, "loss"), teacher.history(TEACHER, "robust_3")
    return {
        seed: choose_checkpoint(
            [int(step) for step, _ in robust[seed]],
            [(int(step), value) for step, value in losses[seed]],
            [(int(step), value) for step, value in robust[seed]],
        )
        for seed in losses
    }


def _optimum(design: Design, teacher: Study, seed: int) -> Iterator[Row]:
    """Yield the median M_robust of the best possible predictor, which the teachers approach."""
    grammar = load_grammar(design.grammar, teacher.value("data.roots"))
    robust = optimal_robust(grammar, *draw_inputs(Sampler(grammar), seed, 64, 2), ns=list(NGRAM_COLOURS))
    for n, values in zip(NGRAM_COLOURS, robust.numpy(), strict=True):
        row = {"arm": OPTIMUM, "seed": seed, "step": 0, "metric": f"robust_{n}"}
        yield {**row, "value": float(np.median(values)), **teacher.axes, "lr": 0.0}


# --- the picture ------------------------------------------------------------------------------------------


def _draw(results: Results, design: Design, teacher: Study, student: Study) -> Any:
    picture, (left, middle, right) = panels(3, width=4.0, height=3.4)
    taught, taught_by = of(results, student), of(results, teacher)
    curve(left, taught_by.curves(TEACHER, "loss"), COLOURS["teacher"], "teacher")
    optimum = taught_by.only([teacher.seeds[0]])
    for n, colour in NGRAM_COLOURS.items():
        curve(middle, taught_by.curves(TEACHER, f"robust_{n}"), colour, f"n = {n}")
        best = list(optimum.final(OPTIMUM, f"robust_{n}").values())
        # Longer dashes below shorter ones: several n may have one value.
        middle.plot([design.T0], best, marker="_", ms=16 - n, mew=2.5, color=colour, clip_on=False)
    best_possible = "best possible predictor,\nin the colours of n"
    middle.plot([], [], marker="_", ms=9, mew=2.5, color="#555555", ls="", label=best_possible)
    mark_choice((left, middle, right), choices(taught_by), teacher.seeds[0])
    at_the_bottom = {"transform": left.get_xaxis_transform(), "clip_on": False}
    triangles = {"color": "#d55e00", "ms": 5, "label": "intermediate checkpoints tried"}
    left.plot(design.candidates, [0] * len(design.candidates), "^", **triangles, **at_the_bottom)
    spread_key(left)
    _draw_students(right, taught, design)
    left.set(title="teacher", xlabel="training steps", ylabel="validation loss")
    middle.set(title="dependence on n-grams", xlabel="training steps", ylabel="median $M_{robust}$")
    for axis in (left, middle):
        in_millions(axis, design.T0)
    for axis in (left, middle, right):
        legend(axis)
    return picture


def _draw_students(axis: Any, taught: Results, design: Design) -> None:
    """Draw where students end by their intermediate checkpoint, and the levels of those without one."""
    for i, T in enumerate(design.T):
        values = [taught.final(two_shot(T, step), "accuracy").values() for step in design.candidates]
        seeds = [list(zip(design.candidates, seed, strict=True)) for seed in zip(*values, strict=True)]
        curve(axis, seeds, f"C{i + 1}", f"two checkpoints, T = {T:,}", marker="o", ms=4)
    by_labels = LINES["plain"]._replace(style=":")
    levels = (
        (one_shot(taught), BETTER_ONE_SHOT._replace(style="--")),
        (taught.final(PLAIN, "accuracy"), by_labels),
    )
    for level, line in levels:
        ends = [[(step, end) for step in design.candidates] for end in level.values()]
        curve(axis, ends, line.colour, line.label, ls=line.style, lw=1.6)
    log_steps(axis, design.candidates[0], design.candidates[-1])
    axis.set(
        title=f"{design.teacher_heads} → {design.heads[0]} heads, {design.student_steps:,} steps",
        xlabel="intermediate checkpoint (the teacher's step)",
        ylabel="test accuracy",
    )


def mark_choice(axes: Sequence[Any], found: Mapping[int, Choice], seed: int, phases: bool = True) -> None:
    """Show the rapid phase of one seed's teacher, its middle by the loss, and the peak of M_robust(3)."""
    left, chosen = axes[0], found[seed]
    if phases and chosen.phases is not None:
        label = f"rapid fall of the loss, seed {seed}"
        left.axvspan(chosen.phases.begin, chosen.phases.end, color="#e69f00", alpha=0.15, lw=0, label=label)
    places = (
        (chosen.by_loss, "--", "middle of the loss's fall"),
        (chosen.by_peak, ":", "peak of $M_{robust}(3)$"),
    )
    for step, line, name in places:
        if step is not None:
            for axis in axes:
                told = f"{name}, seed {seed}" if axis is left else None
                axis.axvline(step, color="#555555", ls=line, lw=1.2, label=told)


# --- claims -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """Quantities of the claims, one number a seed each."""

    design: Design
    teacher: Study
    student: Study

    def ends(self, results: Results) -> dict[int, PerSeed]:
        """Return the accuracy of the students of each candidate."""
        taught, T = of(results, self.student), self.design.T[0]
        return {step: taught.final(two_shot(T, step), "accuracy") for step in self.design.candidates}

    def flat(self, results: Results) -> PerSeed:
        """Return the share of the teacher's training before its loss falls; nan without three phases."""
        found = {seed: choice.phases for seed, choice in choices(of(results, self.teacher)).items()}
        T0 = self.design.T0
        return PerSeed(
            {s: p.begin / T0 if p is not None and p.complete else math.nan for s, p in found.items()}
        )

    def value_with_dependence(self, results: Results) -> PerSeed:
        """Return how far M_robust(3) tells a checkpoint's value as a teacher, beyond its accuracy."""
        ends, candidates = self.ends(results), self.design.candidates
        known = {n: of(results, self.teacher).history(TEACHER, n) for n in ("robust_3", "accuracy")}

        def of_seed(seed: int) -> float:
            at = {name: dict(history[seed]) for name, history in known.items()}
            return partial_rank_correlation(
                [at["robust_3"][step] for step in candidates],
                [ends[step][seed] for step in candidates],
                [at["accuracy"][step] for step in candidates],
            )

        return PerSeed({seed: of_seed(seed) for seed in known["accuracy"]})

    def ahead(self, results: Results, by: str) -> PerSeed:
        """Return how far the candidate that a teacher's history chooses ends above the best of the others."""
        ends, found = self.ends(results), {}
        for seed, choice in choices(of(results, self.teacher)).items():
            at = getattr(choice, by)
            if at is None:
                return PerSeed({seed: math.nan})
            nearest = min(ends, key=lambda step: (abs(step - at), step))
            found[seed] = ends[nearest][seed] - max(ends[s][seed] for s in ends if s != nearest)
        return PerSeed(found)


def _claims(results: Results, found: _Found) -> list[Claim]:
    """Judge the phases, the inflection, and whether its checkpoint teaches best."""
    return [*_of_teacher(found), *_of_candidates(found), *_of_best(results, found)]


def _of_teacher(found: _Found) -> list[Claim]:
    return [
        Claim(
            "three-phases",
            "The teacher's loss is flat, falls rapidly, and then slowly (share of training before the fall).",
            found.flat,
            Between(1e-9, 0.25),
            paper=0.05,
        ),
        Claim(
            "robust-falls",
            "M_robust(3) peaks inside the teacher's training and falls after it (end / peak).",
            lambda results: end_over_peak(of(results, found.teacher)),
            AtMost(0.8),
            paper="0.1 at step 1,000, below 1e-4 at 8,000",
        ),
    ]


def _of_candidates(found: _Found) -> list[Claim]:
    return [
        Claim(
            "value-with-dependence",
            "Checkpoints that depend more on 3-grams teach better than others as accurate (partial rank "
            "correlation of M_robust(3) and students' accuracy, "
            f"{len(found.design.candidates)} checkpoints).",
            found.value_with_dependence,
            MeanAbove(),
            paper="positive: C1, step 1,000, is the peak of M_robust(3) and teaches best",
        ),
        Claim(
            "best-at-inflection",
            "The checkpoint at the peak of M_robust(3) teaches best (accuracy above the best of the others).",
            lambda results: found.ahead(results, "by_peak"),
            MeanAbove(),
            paper="C1, step 1,000",
        ),
        Claim(
            "best-in-the-rapid-phase",
            "The checkpoint in the middle of the loss's rapid phase teaches best (the same).",
            lambda results: found.ahead(results, "by_loss"),
            MeanAbove(),
            paper="C1, step 1,000",
        ),
    ]


def _of_best(results: Results, found: _Found) -> list[Claim]:
    student = found.student
    taught = of(results, student)
    # Chosen on val; what is reported is test.
    best = min(found.design.two_shots, key=lambda name: sum(taught.final(name, "loss").values()))
    return [
        Claim(
            "two-shot-over-one-shot",
            "The two-shot student of least validation loss beats one-shot (better of two temperatures): "
            f"{best}.",
            lambda results: of(results, student).final(best, "accuracy") - one_shot(of(results, student)),
            MeanAbove(),
            paper=0.05,
        ),
        Claim(
            "two-shot-over-plain",
            "It beats the one trained with labels.",
            lambda results: of(results, student).paired(best, PLAIN, "accuracy"),
            MeanAbove(),
            paper=0.059,
        ),
    ]
