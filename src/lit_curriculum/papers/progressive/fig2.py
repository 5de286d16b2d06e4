"""The implicit degree curriculum of sparse parity: only a checkpoint inside the transition helps (figure 2).

Three candidate checkpoints of the teacher, at the beginning, in the middle and at the end of its phase
transition, are found from its accuracy alone. In the middle its prediction correlates with the support's
coordinates, and only that checkpoint, for T steps before the final one, teaches a narrow student.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge, require_seeds
from lit_curriculum.papers.progressive import parity
from lit_curriculum.papers.progressive.parity import Parity, strategy
from lit_curriculum.papers.style import COLOURS, curve, in_millions, panels
from lit_curriculum.papers.tuning import choose_rates
from lit_curriculum.runs.graph import Finished, Lab

SETTINGS: dict[Scale, Parity] = parity.SETTINGS_FIG2

CANDIDATES = ("beginning", "middle", "end")
_COLOURS = {"beginning": "#7d8ca3", "middle": "#c8442b", "end": "#2f6fb0"}
SOLVED, CHANCE = 0.99, 0.60


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "about 5 minutes on two cores",
        "paper": "per seed one teacher of width 50,000 and three students of width 100, 20M samples each",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train teachers with their correlations, and a student from each candidate."""
    setting = SETTINGS[scale]
    teach: dict[str, dict[str, Any] | None] = {
        name: strategy("TwoShot", T=setting.T, checkpoint=name) for name in CANDIDATES
    }
    rates = choose_rates(lab, setting.methods(teach), setting.rates, setting.tuning_seeds)
    runs = {("teacher", seed): setting.teacher(seed) for seed in setting.seeds}
    for name, how in teach.items():
        for seed in setting.seeds:
            runs[name, seed] = setting.student(rates[name], seed, how)
    rows: list[Row] = []
    for (method, seed), run in zip(runs, lab.fit(list(runs.values())), strict=True):
        rate = rates.get(method, setting.teacher_lr)
        rows += [
            {"method": method, "seed": seed, "lr": rate, "quantity": "accuracy", "step": step, "value": value}
            for step, value in run.history("test/accuracy")
        ]
        if method == "teacher":
            rows += _correlations(run, seed, rate)
        else:
            chosen = int(run.rows("swaps.csv")[0]["teacher_step"])
            rows.append(_row(method, seed, rate, "candidate", chosen, float("nan")))
    return rows


def _correlations(run: Finished, seed: int, rate: float) -> list[Row]:
    """Return the degree-1 correlations of a teacher: each coordinate of the support, the rest summed up."""
    rows = []
    for row in run.rows("monomials.csv"):
        quantity = f"in {row['monomial']}" if row["group"] == "in" else row["group"]
        if row["degree"] == "1" and row["group"] in ("in", "off_mean", "off_std", "off_max", "noise"):
            rows.append(_row("teacher", seed, rate, quantity, int(row["step"]), float(row["correlation"])))
    return rows


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw the teacher's accuracy, its correlations, and the students."""
    setting = SETTINGS[scale]
    figure, (left, middle, right) = panels(3, width=4.0, height=3.4)
    seed = setting.seeds[0]
    for i, one in enumerate(_curves(rows, "teacher", "accuracy")):
        # The candidates are this seed's; the other seeds transition elsewhere.
        bold = setting.seeds[i] == seed
        left.plot(*zip(*one, strict=True), color=COLOURS["teacher"], lw=1.8 if bold else 0.6)
    for number, name in enumerate(CANDIDATES, 1):
        step = _candidate(rows, name, seed)
        for axis in (left, middle):
            axis.axvline(step, color=_COLOURS[name], ls=":", lw=1.2)
        left.annotate(f"{number}", (step, 0.47), color=_COLOURS[name], ha="center", fontsize=9)
        curve(right, _curves(rows, name, "accuracy"), _COLOURS[name], f"{number}: {name}")
    inside = sorted({r["quantity"] for r in rows if str(r["quantity"]).startswith("in ")})
    for i, quantity in enumerate(inside):
        x, y = _series(rows, seed, quantity)
        middle.plot(x, y, color="#e08b2d", lw=1.4, label="in support" if i == 0 else None)
    x, mean = _series(rows, seed, "off_mean")
    spread = _series(rows, seed, "off_std")[1]
    middle.plot(x, mean, color="#2f6fb0", lw=1.4, label="off support (mean, sd)")
    low = [m - s for m, s in zip(mean, spread, strict=True)]
    high = [m + s for m, s in zip(mean, spread, strict=True)]
    middle.fill_between(x, low, high, color="#2f6fb0", alpha=0.2, lw=0)
    left.set(title=f"teacher (bold: seed {seed})", ylabel="test accuracy", ylim=(0.45, 1.03))
    middle.set(title=f"correlation with $x_i$ (seed {seed})", ylabel="$|E[p_T(x)_1 x_i]|$")
    right.set(
        title=f"(2, {setting.T:,})-progressive, width {setting.student_width}",
        ylabel="test accuracy",
        ylim=(0.45, 1.03),
    )
    for axis in (left, middle, right):
        axis.set_xlabel("training samples")
        in_millions(axis, setting.num_steps)
    middle.legend(fontsize=8)
    right.legend(fontsize=8, title="checkpoint", title_fontsize=8)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge which candidate teaches, and the correlations at the middle one."""
    seeds = SETTINGS[scale].seeds
    require_seeds(rows, ["teacher", *CANDIDATES], seeds)
    final = {name: [c[-1][1] for c in _curves(rows, name, "accuracy")] for name in CANDIDATES}
    ratios, inside_means = [], []
    for seed in seeds:
        step = _candidate(rows, "middle", seed)
        at = {r["quantity"]: r["value"] for r in rows if r["seed"] == seed and _is_correlation(r, step)}
        inside = [value for quantity, value in at.items() if str(quantity).startswith("in ")]
        ratios.append(statistics.fmean(inside) / (at["off_mean"] + at["noise"]) if inside else math.nan)
        inside_means.append(statistics.fmean(inside) if inside else math.nan)
    others = [max(final["beginning"][i], final["end"][i]) for i in range(len(seeds))]
    return [
        judge(
            "middle-solves",
            "(2, T)-distillation from the checkpoint in the middle of the transition solves the task.",
            final["middle"],
            scale=scale,
            threshold=f">= {SOLVED} in every seed",
            holds=min(final["middle"]) >= SOLVED,
            paper_value=1.0,
        ),
        judge(
            "outside-stuck",
            "The same from the beginning or the end of the transition stays near chance (better of the two).",
            others,
            scale=scale,
            threshold=f"<= {CHANCE} in every seed",
            holds=max(others) <= CHANCE,
            paper_value=0.5,
        ),
        judge(
            "degree-1-gap",
            "In the middle the prediction correlates with the support's coordinates more than with others.",
            ratios,
            scale=scale,
            threshold="mean in support >= 3 x (mean off support + noise of one estimate), every seed",
            holds=min(ratios) >= 3,
            paper_value="0.095 in, 0.02 off (peak)",
        ),
        judge(
            "gap-closes",
            "The correlation with the support is smaller again at the end of training than in the middle.",
            [m - f for m, f in zip(inside_means, _final_inside(rows, seeds), strict=True)],
            scale=scale,
            threshold="> 0 in every seed",
            holds=all(m > f for m, f in zip(inside_means, _final_inside(rows, seeds), strict=True)),
        ),
    ]


def _final_inside(rows: Sequence[Row], seeds: Sequence[int]) -> list[float]:
    result = []
    for seed in seeds:
        inside = [r for r in rows if r["seed"] == seed and str(r["quantity"]).startswith("in ")]
        last = max(r["step"] for r in inside)
        result.append(statistics.fmean(r["value"] for r in inside if r["step"] == last))
    return result


def _is_correlation(row: Row, step: int) -> bool:
    return bool(row["method"] == "teacher" and row["quantity"] != "accuracy" and row["step"] == step)


def _candidate(rows: Sequence[Row], name: str, seed: int) -> int:
    return next(
        int(r["step"])
        for r in rows
        if r["method"] == name and r["seed"] == seed and r["quantity"] == "candidate"
    )


def _curves(rows: Sequence[Row], method: str, quantity: str) -> list[list[tuple[float, float]]]:
    chosen = [r for r in rows if r["method"] == method and r["quantity"] == quantity]
    seeds = sorted({r["seed"] for r in chosen})
    return [[(r["step"], r["value"]) for r in chosen if r["seed"] == seed] for seed in seeds]


def _series(rows: Sequence[Row], seed: int, quantity: str) -> tuple[list[float], list[float]]:
    chosen = [r for r in rows if r["seed"] == seed and r["quantity"] == quantity]
    return [r["step"] for r in chosen], [r["value"] for r in chosen]


def _row(method: str, seed: int, rate: float, quantity: str, step: int, value: float) -> Row:
    return {"method": method, "seed": seed, "lr": rate, "quantity": quantity, "step": step, "value": value}
