"""Progressive distillation accelerates training: sparse parity, MLP (figure 1, left).

A wide teacher learns the parity from labels. Students too narrow to find it in the same number of samples
are trained with labels, by the finished teacher (one-shot, the better of tau in {1, 1e-4}), and by the
teacher's checkpoints at the teacher's own pace (progressive). Each method chooses its rate on the same
grid with tuning seeds.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge, require_seeds
from lit_curriculum.papers.progressive import parity
from lit_curriculum.papers.progressive.distilled import strategy
from lit_curriculum.papers.progressive.parity import Parity
from lit_curriculum.papers.style import COLOURS, LABELS, curve, in_millions, panels
from lit_curriculum.papers.tuning import choose_rates
from lit_curriculum.runs.lab import Lab

SETTINGS: dict[Scale, Parity] = parity.SETTINGS

SOLVED, CHANCE = 0.99, 0.60


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "under 3 minutes on two cores",
        "paper": "per seed one teacher of width 50,000 and four students of width 100, 20M samples each",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train teachers and students of every method and return test accuracies."""
    setting = SETTINGS[scale]
    teach: dict[str, dict[str, Any] | None] = {
        "plain": None,
        "one-shot tau=1e-4": strategy("OneShot"),
        "one-shot tau=1": strategy("OneShot", tau=1.0),
        "progressive": strategy("Kappa", kappa=1.0),
        "two-shot": strategy("TwoShot", T=setting.T),
    }
    rates = choose_rates(lab, setting.methods(teach), setting.rates, setting.tuning_seeds)
    runs = {("teacher", seed): setting.teacher(seed) for seed in setting.seeds}
    for method, how in teach.items():
        for seed in setting.seeds:
            runs[method, seed] = setting.student(rates[method], seed, how)
    rows: list[Row] = []
    for (method, seed), run in zip(runs, lab.fit(list(runs.values())), strict=True):
        rows += parity.accuracy_rows(method, seed, rates.get(method, setting.teacher_lr), run)
    return rows


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw accuracy against samples, mean and standard deviation over seeds."""
    setting = SETTINGS[scale]
    figure, (axis,) = panels(1, width=5.4, height=4.0)
    for method in ("teacher", "progressive", "two-shot", "one-shot", "plain"):
        name = _better_one_shot(rows) if method == "one-shot" else method
        dashes: Any = {"teacher": "--", "plain": (0, (4, 2))}.get(method, "-")
        curve(axis, parity.curves(rows, name), COLOURS[method], LABELS[method], ls=dashes)
    axis.set(
        xlabel="training samples",
        ylabel="test accuracy",
        title=f"({setting.d}, {setting.k})-parity, width {setting.teacher_width:,} → {setting.student_width}",
        ylim=(0.45, 1.03),
    )
    in_millions(axis, setting.num_steps)
    figure.legend(fontsize=8, loc="outside lower center", ncols=3, frameon=False)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge the ordering of the methods at equal samples."""
    one_shot = _better_one_shot(rows)
    require_seeds(rows, ["teacher", "progressive", "two-shot", one_shot, "plain"], SETTINGS[scale].seeds)
    result = []
    for id, method, solves, paper_value, statement in (
        ("teacher-solves", "teacher", True, 1.0, "The wide teacher learns the parity from labels."),
        (
            "progressive-solves",
            "progressive",
            True,
            1.0,
            "A narrow student taught by the teacher's checkpoints learns it in the same number of samples.",
        ),
        (
            "two-shot-solves",
            "two-shot",
            True,
            1.0,
            "One checkpoint from the middle of the transition, then the final one, is enough.",
        ),
        (
            "one-shot-stuck",
            one_shot,
            False,
            0.5,
            "The same student taught by the finished teacher alone stays near chance.",
        ),
        ("plain-stuck", "plain", False, 0.66, "The same student trained with labels stays near chance."),
    ):
        values = parity.finals(rows, method)
        holds = min(values) >= SOLVED if solves else max(values) <= CHANCE
        threshold = f">= {SOLVED} in every seed" if solves else f"<= {CHANCE} in every seed"
        result.append(
            judge(
                id,
                statement,
                values,
                scale=scale,
                threshold=threshold,
                holds=holds,
                paper_value=paper_value,
            )
        )
    return result


def _better_one_shot(rows: Sequence[Row]) -> str:
    """Return the temperature whose students are better: the paper reports the better of the two."""
    names = ("one-shot tau=1e-4", "one-shot tau=1")
    return max(names, key=lambda name: statistics.fmean(parity.finals(rows, name)))
