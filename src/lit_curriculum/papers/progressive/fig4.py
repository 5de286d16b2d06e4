"""The n-gram curriculum of PCFG-BERT: the best intermediate checkpoint lies at the inflection (figure 4).

Left: the teacher's loss has three phases. Middle: its dependence on 3-grams (M_robust) rises, peaks, and
falls. Right: a narrow student is taught by one intermediate checkpoint for T steps and then by the final
one; which intermediate checkpoint is best?
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from lit_curriculum.distillation import Choice, choose_checkpoint
from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.progressive import pcfg
from lit_curriculum.papers.progressive.parity import strategy
from lit_curriculum.papers.progressive.pcfg import Pcfg, curves, finals
from lit_curriculum.papers.style import COLOURS, curve, in_millions, panels
from lit_curriculum.papers.tuning import choose_rates
from lit_curriculum.runs.graph import Lab

SETTINGS: dict[Scale, Pcfg] = pcfg.SETTINGS_FIG4

ONE_SHOT = ("one-shot tau=1e-4", "one-shot tau=1")
_NS = {3: "#c8442b", 5: "#e08b2d", 7: "#4b9b5b", 9: "#2f6fb0"}


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "3 teachers and 24 students, about 20 minutes on two cores",
        "paper": "per seed one teacher of 8,000 steps and 18 students of 4,000, batch 512, and the search",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train teachers, and students under every candidate checkpoint, one-shot and with labels."""
    setting = SETTINGS[scale]
    teach: dict[str, dict[str, Any] | None] = {
        "plain": None,
        ONE_SHOT[0]: strategy("OneShot"),
        ONE_SHOT[1]: strategy("OneShot", tau=1.0),
    }
    for T in setting.T:
        for step in setting.candidates:
            teach[two_shot(T, step)] = strategy("TwoShot", T=T, checkpoint=step)
    rates = choose_rates(lab, setting.methods(teach), setting.rates, setting.tuning_seeds)
    runs = {("teacher", seed): setting.teacher(seed) for seed in setting.seeds}
    for method, how in teach.items():
        for seed in setting.seeds:
            runs[method, seed] = setting.student(rates[method], seed, how)
    rows: list[Row] = []
    for (method, seed), run in zip(runs, lab.fit(list(runs.values())), strict=True):
        rate = rates.get(method, setting.teacher_lr)
        rows += pcfg.rows_of(method, seed, rate, run, "test/accuracy")
        if method == "teacher":
            rows += pcfg.rows_of(method, seed, rate, run, "val/loss")
            for r in run.rows("ngrams.csv"):
                for name in ("robust", "close"):
                    quantity = f"{name}_{r['n']}"
                    rows.append(pcfg.row(method, seed, rate, quantity, int(r["step"]), float(r[name])))
    return rows


def two_shot(T: int, step: int) -> str:
    """Return the name of a two-shot student in data.csv."""
    return f"two-shot T={T} from {step}"


def choices(rows: Sequence[Row]) -> list[Choice]:
    """Return each seed's checkpoint by the loss and by the peak of M_robust(3)."""
    losses, robust = curves(rows, "teacher", "val/loss"), curves(rows, "teacher", "robust_3")
    return [
        choose_checkpoint([step for step, _ in peak], loss, peak)
        for loss, peak in zip(losses, robust, strict=True)
    ]


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw the teacher's loss, its M_robust, and the students' accuracy by intermediate checkpoint."""
    setting = SETTINGS[scale]
    figure, (left, middle, right) = panels(3, width=4.0, height=3.4)
    curve(left, curves(rows, "teacher", "val/loss"), COLOURS["teacher"], "teacher")
    for n, colour in _NS.items():
        curve(middle, curves(rows, "teacher", f"robust_{n}"), colour, f"n = {n}")
    chosen = choices(rows)[0]
    if chosen.phases is not None:
        left.axvspan(chosen.phases.begin, chosen.phases.end, color="#e08b2d", alpha=0.15, lw=0)
    for step, line, name in ((chosen.by_loss, "--", "loss"), (chosen.by_peak, ":", "M_robust(3)")):
        if step is not None:
            for axis in (left, middle):
                label = f"chosen by {name}" if axis is left else None
                axis.axvline(step, color="#555555", ls=line, lw=1.2, label=label)
    for i, T in enumerate(setting.T):
        values = [finals(rows, two_shot(T, step)) for step in setting.candidates]
        seeds = [list(zip(setting.candidates, seed, strict=True)) for seed in zip(*values, strict=True)]
        curve(right, seeds, f"C{i + 1}", f"two checkpoints, T = {T:,}", marker="o", ms=4)
    for method, name in ((_better_one_shot(rows), "one-shot"), ("plain", "plain")):
        level = statistics.fmean(finals(rows, method))
        right.axhline(level, color=COLOURS[name], ls="--", lw=1.4, label=name)
    left.set(title="teacher", xlabel="training steps", ylabel="validation loss")
    middle.set(title="dependence on n-grams", xlabel="training steps", ylabel="median M_robust")
    right.set(
        title=f"{setting.teacher_heads} → {setting.student_heads} heads, {setting.student_steps:,} steps",
        xlabel="intermediate checkpoint",
        ylabel="test accuracy",
    )
    for axis in (left, middle, right):
        in_millions(axis, setting.num_steps)
        axis.legend(fontsize=7)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge the inflection, and whether its checkpoint teaches best."""
    setting = SETTINGS[scale]
    robust = curves(rows, "teacher", "robust_3")
    falls = [max(value for _, value in seed) - seed[-1][1] for seed in robust]
    halved = [seed[-1][1] / max(value for _, value in seed) for seed in robust]
    one_shot, plain = finals(rows, _better_one_shot(rows)), finals(rows, "plain")
    best = max(
        (two_shot(T, step) for T in setting.T for step in setting.candidates),
        key=lambda name: statistics.fmean(finals(rows, name)),
    )
    gains = [a - b for a, b in zip(finals(rows, best), one_shot, strict=True)]
    over_plain = [a - b for a, b in zip(finals(rows, best), plain, strict=True)]
    peaks = [float(choice.by_peak or 0) for choice in choices(rows)]
    nearest = min(setting.candidates, key=lambda step: abs(step - statistics.fmean(peaks)))
    position = setting.candidates.index(int(best.rsplit(" ", 1)[1])) - setting.candidates.index(nearest)
    return [
        judge(
            "robust-falls",
            "M_robust(3) peaks inside the teacher's training and falls after it (end / peak).",
            halved,
            scale=scale,
            threshold="end / peak <= 0.8 in every seed",
            holds=max(halved) <= 0.8 and min(falls) > 0,
            paper_value="0.1 at step 1,000, below 1e-4 at 8,000",
        ),
        judge(
            "best-at-inflection",
            "The best intermediate checkpoint is the one at the peak of M_robust(3), or next to it.",
            [float(position)],
            scale=scale,
            threshold="distance in the list of candidates <= 1",
            holds=abs(position) <= 1 and min(peaks) > 0,
            paper_value="C1, step 1,000",
        ),
        judge(
            "two-shot-over-one-shot",
            f"The best two-shot student beats one-shot (better of two temperatures): {best}.",
            gains,
            scale=scale,
            threshold="> 0 on average and > 0 in more than half of the seeds",
            holds=_better(gains),
            paper_value=0.05,
        ),
        judge(
            "two-shot-over-plain",
            "The best two-shot student beats the one trained with labels.",
            over_plain,
            scale=scale,
            threshold="> 0 on average and > 0 in more than half of the seeds",
            holds=_better(over_plain),
            paper_value=0.059,
        ),
    ]


def _better(gains: Sequence[float]) -> bool:
    return statistics.fmean(gains) > 0 and sum(gain > 0 for gain in gains) > len(gains) / 2


def _better_one_shot(rows: Sequence[Row]) -> str:
    """Return the temperature whose students are better: the paper reports the better of the two."""
    return max(ONE_SHOT, key=lambda name: statistics.fmean(finals(rows, name)))
