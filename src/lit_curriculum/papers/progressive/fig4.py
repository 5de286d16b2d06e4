"""The n-gram curriculum of PCFG-BERT: the best intermediate checkpoint lies at the inflection (figure 4).

Left: the teacher's loss has three phases. Middle: its dependence on 3-grams (M_robust) rises, peaks, and
falls; dashes at the edge are the values of the best possible predictor. Right: a narrow student is taught by
one intermediate checkpoint for T steps and then by the final one; which intermediate checkpoint is best?
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from lit_curriculum.distillation import Choice, choose_checkpoint
from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.progressive.pcfg import ONE_SHOT, ONE_SHOT_SOFT, PLAIN, SETTINGS, Pcfg, two_shot
from lit_curriculum.papers.progressive.pcfg_students import (
    TEACHER,
    Case,
    beats,
    better_one_shot,
    compare,
    curves,
    finals,
    gains,
    label_trained,
    make_row,
)
from lit_curriculum.papers.style import COLOURS, NGRAM_COLOURS, curve, in_millions, panels
from lit_curriculum.probes.ngram import draw_inputs
from lit_curriculum.probes.optimal import optimal_robust
from lit_curriculum.runs.lab import Lab
from lit_curriculum.tasks.pcfg import Sampler, load_grammar

OPTIMUM = "best predictor"


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "5 teachers and 40 students, about 20 minutes on two cores",
        "paper": "per seed one teacher of 8,000 steps and 18 students of 4,000, batch 512, and the search",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train teachers, and students under every candidate checkpoint, one-shot and with labels."""
    setting = SETTINGS[scale]
    methods = [PLAIN, ONE_SHOT, ONE_SHOT_SOFT, *_two_shots(setting)]
    rows = label_trained(lab, [_teacher(setting)]) + compare(lab, [_student(setting)], methods)
    return rows + _optimum(setting)


def choices(rows: Sequence[Row], setting: Pcfg) -> list[Choice]:
    """Return each seed's checkpoint by the loss and by the peak of M_robust(3)."""
    case = _teacher(setting)
    losses, robust = curves(rows, TEACHER, "loss", case), curves(rows, TEACHER, "robust_3", case)
    return [
        choose_checkpoint(
            [int(step) for step, _ in peak],
            [(int(step), value) for step, value in loss],
            [(int(step), value) for step, value in peak],
        )
        for loss, peak in zip(losses, robust, strict=True)
    ]


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw the teacher's loss, its M_robust, and the students' accuracy by intermediate checkpoint."""
    setting = SETTINGS[scale]
    teacher, student = _teacher(setting), _student(setting)
    figure, (left, middle, right) = panels(3, width=4.0, height=3.4)
    curve(left, curves(rows, TEACHER, "loss", teacher), COLOURS["teacher"], "teacher")
    for n, colour in NGRAM_COLOURS.items():
        curve(middle, curves(rows, TEACHER, f"robust_{n}", teacher), colour, f"n = {n}")
        best = [r["value"] for r in rows if (r["method"], r["quantity"]) == (OPTIMUM, f"robust_{n}")]
        middle.plot([setting.T0] * len(best), best, marker="_", ms=9, mew=2.5, color=colour, clip_on=False)
    middle.plot([], [], marker="_", ms=9, mew=2.5, color="#555555", ls="", label="best predictor")
    _mark_choice((left, middle, right), choices(rows, setting)[0], setting)
    for i, T in enumerate(setting.T):
        values = [finals(rows, two_shot(T, step), student) for step in setting.candidates]
        seeds = [list(zip(setting.candidates, seed, strict=True)) for seed in zip(*values, strict=True)]
        curve(right, seeds, f"C{i + 1}", f"two checkpoints, T = {T:,}", marker="o", ms=4)
    for method, name in ((better_one_shot(rows, student), "one-shot"), (PLAIN, "plain")):
        level = statistics.fmean(finals(rows, method, student))
        right.axhline(level, color=COLOURS[name], ls="--", lw=1.4, label=name)
    left.set(title="teacher", xlabel="training steps", ylabel="validation loss")
    middle.set(title="dependence on n-grams", xlabel="training steps", ylabel="median $M_{robust}$")
    right.set(
        title=f"{setting.teacher_heads} → {student.heads} heads, {student.num_steps:,} steps",
        xlabel="intermediate checkpoint",
        ylabel="test accuracy",
    )
    for axis in (left, middle, right):
        in_millions(axis, setting.T0)
        free = {"loc": "lower left", "bbox_to_anchor": (0.2, 0.0)} if axis is middle else {}
        axis.legend(fontsize=7, **free)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge the phases, the inflection, and whether its checkpoint teaches best."""
    setting = SETTINGS[scale]
    student = _student(setting)
    best = max(_two_shots(setting), key=lambda name: statistics.fmean(finals(rows, name, student)))
    return [
        *_teacher_claims(rows, scale),
        _best_at_inflection(rows, scale, best),
        beats(
            "two-shot-over-one-shot",
            f"The best two-shot student beats one-shot (better of two temperatures): {best}.",
            gains(rows, best, better_one_shot(rows, student), student),
            scale,
            paper_value=0.05,
        ),
        beats(
            "two-shot-over-plain",
            "The best two-shot student beats the one trained with labels.",
            gains(rows, best, PLAIN, student),
            scale,
            paper_value=0.059,
        ),
    ]


def _teacher_claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    setting = SETTINGS[scale]
    robust = [[value for _, value in one] for one in curves(rows, TEACHER, "robust_3", _teacher(setting))]
    left = [seed[-1] / max(seed) if max(seed) else 1.0 for seed in robust]
    phases = [choice.phases for choice in choices(rows, setting)]
    flat = [phase.begin / setting.T0 if phase else 0.0 for phase in phases]
    complete = all(phase is not None and phase.complete for phase in phases)
    return [
        judge(
            "three-phases",
            "The teacher's loss is flat, falls rapidly, and then slowly (share of training before the fall).",
            flat,
            scale=scale,
            threshold="three phases found, the first > 0 and at most 0.25 of training, in every seed",
            holds=complete and all(0 < share <= 0.25 for share in flat),
            paper_value=0.05,
        ),
        judge(
            "robust-falls",
            "M_robust(3) peaks inside the teacher's training and falls after it (end / peak).",
            left,
            scale=scale,
            threshold="end / peak <= 0.8 in every seed",
            holds=max(left) <= 0.8,
            paper_value="0.1 at step 1,000, below 1e-4 at 8,000",
        ),
    ]


def _best_at_inflection(rows: Sequence[Row], scale: Scale, best: str) -> Claim:
    setting = SETTINGS[scale]
    peaks = [float(choice.by_peak or 0) for choice in choices(rows, setting)]
    nearest = min(setting.candidates, key=lambda step: abs(step - statistics.fmean(peaks)))
    distance = setting.candidates.index(_checkpoint(best)) - setting.candidates.index(nearest)
    return judge(
        "best-at-inflection",
        "The best intermediate checkpoint is the one at the peak of M_robust(3), or next to it.",
        [float(distance)],
        scale=scale,
        threshold="distance in the list of candidates <= 1",
        holds=abs(distance) <= 1 and min(peaks) > 0,
        paper_value="C1, step 1,000",
    )


def _optimum(setting: Pcfg) -> list[Row]:
    """Return the median M_robust of the best possible predictor, which the teachers approach."""
    grammar = load_grammar(setting.grammar, setting.roots)
    seed = setting.seeds[0]
    robust = optimal_robust(grammar, *draw_inputs(Sampler(grammar), seed, 64, 2), ns=list(NGRAM_COLOURS))
    return [
        make_row(OPTIMUM, _teacher(setting), seed, 0.0, f"robust_{n}", 0, float(np.median(values)))
        for n, values in zip(NGRAM_COLOURS, robust.numpy(), strict=True)
    ]


def _mark_choice(axes: Sequence[Any], chosen: Choice, setting: Pcfg) -> None:
    """Show the first seed's rapid phase and the checkpoints that the loss and M_robust choose."""
    left = axes[0]
    if chosen.phases is not None:
        left.axvspan(chosen.phases.begin, chosen.phases.end, color="#e08b2d", alpha=0.15, lw=0)
    for step, line, name in ((chosen.by_loss, "--", "loss"), (chosen.by_peak, ":", "$M_{robust}(3)$")):
        if step is not None:
            for axis in axes:
                label = f"chosen by {name}" if axis is left else None
                axis.axvline(step, color="#555555", ls=line, lw=1.2, label=label)
    at_the_bottom = {"transform": left.get_xaxis_transform(), "clip_on": False}
    left.plot(setting.candidates, [0] * len(setting.candidates), "^", color="#c8442b", ms=5, **at_the_bottom)


def _two_shots(setting: Pcfg) -> list[str]:
    return [two_shot(T, step) for T in setting.T for step in setting.candidates]


def _checkpoint(method: str) -> int:
    return int(method.rsplit(" ", 1)[1])


def _teacher(setting: Pcfg) -> Case:
    return Case(setting, setting.teacher_heads, setting.T0)


def _student(setting: Pcfg) -> Case:
    return Case(setting, setting.heads[0], setting.student_steps)
