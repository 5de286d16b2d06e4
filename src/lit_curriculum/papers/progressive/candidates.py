"""What figures 2, 8 and 9 share: students taught by one of three candidate checkpoints (3.1, C.1).

The candidates, at the beginning, in the middle and at the end of the teacher's phase transition, are found
from its accuracy alone. Each teaches T steps before the final checkpoint does. Beside the students stand the
teacher's correlations with monomials of the support and with others.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, Target, judge, require_seeds
from lit_curriculum.papers.progressive.distilled import strategy
from lit_curriculum.papers.progressive.parity import Parity
from lit_curriculum.papers.style import COLOURS, curve, in_millions, panels
from lit_curriculum.papers.tuning import choose_rates
from lit_curriculum.runs.graph import Finished
from lit_curriculum.runs.lab import Lab

CANDIDATES = ("beginning", "middle", "end")
_COLOURS = {"beginning": "#7d8ca3", "middle": "#c8442b", "end": "#2f6fb0"}
SOLVED, CHANCE, GAP = 0.99, 0.60, 3.0


def target(
    settings: Mapping[Scale, Parity],
    claims: Callable[[Sequence[Row], Sequence[int], Scale], list[Claim]],
    laptop: str,
    paper: str,
) -> Target:
    """Return the functions of a figure that compares the candidates.

    Args:
        settings: what each scale sets.
        claims: rows, reported seeds and scale -> claims.
        laptop, paper: what these scales take, in words.
    """
    return Target(
        lambda scale: {"smoke": "seconds", "laptop": laptop, "paper": paper}[scale],
        lambda lab, scale: compare(lab, settings[scale]),
        lambda rows, scale: draw_candidates(rows, settings[scale]),
        lambda rows, scale: claims(rows, settings[scale].seeds, scale),
    )


def only_the_middle_teaches(rows: Sequence[Row], seeds: Sequence[int], scale: Scale) -> list[Claim]:
    """Judge what figure 2 shows: which candidate teaches, and the coordinates' correlations at it."""
    return [
        middle_solves(rows, seeds, scale),
        outside_stuck(rows, seeds, scale),
        gap(rows, seeds, scale, 1, paper_value="0.095 in, 0.02 off (peak)"),
        gap_closes(rows, seeds, scale),
    ]


def compare(lab: Lab, setting: Parity) -> list[Row]:
    """Train teachers with their correlations, and a student from each candidate."""
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
    """Return a teacher's correlations: every monomial of the support, the others summed up, by degree."""
    rows = []
    for row in run.rows("monomials.csv"):
        degree, group = int(row["degree"]), row["group"]
        if group in ("in", "off_mean", "off_std", "off_max", "noise"):
            quantity = f"in {row['monomial']}" if group == "in" else of_degree(group, degree)
            rows.append(_row("teacher", seed, rate, quantity, int(row["step"]), float(row["correlation"])))
    return rows


def of_degree(group: str, degree: int) -> str:
    """Return the name of a summary in data.csv: ``off_mean`` at degree 1, ``off_mean 2`` at degree 2."""
    return group if degree == 1 else f"{group} {degree}"


def draw_candidates(rows: Sequence[Row], setting: Parity) -> Any:
    """Draw the teacher's accuracy, its correlations by degree, and the students."""
    figure, (left, *middle, right) = panels(2 + len(setting.degrees), width=4.0, height=3.4)
    seed = setting.seeds[0]
    for i, one in enumerate(_curves(rows, "teacher", "accuracy")):
        # The candidates are this seed's; the other seeds transition elsewhere.
        bold = setting.seeds[i] == seed
        left.plot(*zip(*one, strict=True), color=COLOURS["teacher"], lw=1.8 if bold else 0.6)
    for number, name in enumerate(CANDIDATES, 1):
        step = candidate(rows, name, seed)
        for axis in (left, *middle):
            axis.axvline(step, color=_COLOURS[name], ls=":", lw=1.2)
        left.annotate(f"{number}", (step, 0.47), color=_COLOURS[name], ha="center", fontsize=9)
        curve(right, _curves(rows, name, "accuracy"), _COLOURS[name], f"{number}: {name}")
    for axis, degree in zip(middle, setting.degrees, strict=True):
        _draw_correlations(axis, rows, seed, degree)
    left.set(title=f"teacher (bold: seed {seed})", ylabel="test accuracy", ylim=(0.45, 1.03))
    right.set(
        title=f"(2, {setting.T:,})-progressive, width {setting.student_width}",
        ylabel="test accuracy",
        ylim=(0.45, 1.03),
    )
    for axis in (left, *middle, right):
        axis.set_xlabel("training samples")
        in_millions(axis, setting.num_steps)
    right.legend(fontsize=8, title="checkpoint", title_fontsize=8)
    return figure


def _draw_correlations(axis: Any, rows: Sequence[Row], seed: int, degree: int) -> None:
    """Draw one seed's correlations of a degree: each monomial of the support, mean and spread of others."""
    inside = sorted({r["quantity"] for r in rows if is_inside(r, degree)})
    for i, quantity in enumerate(inside):
        x, y = _series(rows, seed, quantity)
        axis.plot(x, y, color="#e08b2d", lw=1.4, label="in support" if i == 0 else None)
    x, mean = _series(rows, seed, of_degree("off_mean", degree))
    spread = _series(rows, seed, of_degree("off_std", degree))[1]
    axis.plot(x, mean, color="#2f6fb0", lw=1.4, label="off support (mean, sd)")
    low = [m - s for m, s in zip(mean, spread, strict=True)]
    high = [m + s for m, s in zip(mean, spread, strict=True)]
    axis.fill_between(x, low, high, color="#2f6fb0", alpha=0.2, lw=0)
    monomial = "".join(f" x_{i}" for i in "ijk"[:degree])
    axis.set(title=f"degree {degree} (seed {seed})", ylabel=f"$|E[p_T(x)_1{monomial}]|$")
    axis.legend(fontsize=8)


def middle_solves(rows: Sequence[Row], seeds: Sequence[int], scale: Scale) -> Claim:
    """Judge whether the middle candidate teaches the task."""
    require_seeds(rows, ["teacher", *CANDIDATES], seeds)
    final = _finals(rows, "middle")
    return judge(
        "middle-solves",
        "(2, T)-distillation from the checkpoint in the middle of the transition solves the task.",
        final,
        scale=scale,
        threshold=f">= {SOLVED} in every seed",
        holds=min(final) >= SOLVED,
        paper_value=1.0,
    )


def outside_stuck(rows: Sequence[Row], seeds: Sequence[int], scale: Scale) -> Claim:
    """Judge whether the other candidates teach nothing."""
    others = [max(pair) for pair in zip(_finals(rows, "beginning"), _finals(rows, "end"), strict=True)]
    return judge(
        "outside-stuck",
        "The same from the beginning or the end of the transition stays near chance (better of the two).",
        others,
        scale=scale,
        threshold=f"<= {CHANCE} in every seed",
        holds=max(others) <= CHANCE,
        paper_value=0.5,
    )


def middle_ahead(rows: Sequence[Row], seeds: Sequence[int], scale: Scale) -> Claim:
    """Judge whether the middle candidate accelerates training the most."""
    means = {
        name: [statistics.fmean(a for _, a in one) for one in _curves(rows, name, "accuracy")]
        for name in CANDIDATES
    }
    ahead = [m - max(b, e) for b, m, e in zip(*(means[name] for name in CANDIDATES), strict=True)]
    return judge(
        "middle-ahead",
        "The middle accelerates training most (mean accuracy over the run, minus the better of the others).",
        ahead,
        scale=scale,
        threshold="> 0 in every seed",
        holds=min(ahead) > 0,
        paper_value="> 0",
    )


def gap(
    rows: Sequence[Row], seeds: Sequence[int], scale: Scale, degree: int, paper_value: str | None = None
) -> Claim:
    """Judge that the support stands out at a degree in the middle of the transition."""
    ratios = [ratio_in_the_middle(rows, seed, degree) for seed in seeds]
    what = "coordinates" if degree == 1 else f"monomials of degree {degree}"
    return judge(
        f"degree-{degree}-gap",
        f"In the middle the prediction correlates with the support's {what} more than with others.",
        ratios,
        scale=scale,
        threshold=f"mean in support >= {GAP:g} x (mean off support + noise of one estimate), every seed",
        holds=min(ratios) >= GAP,
        paper_value=paper_value,
    )


def gap_closes(rows: Sequence[Row], seeds: Sequence[int], scale: Scale) -> Claim:
    """Judge that at degree 1 the support stands out less at the end than in the middle."""
    falls = [
        _inside_mean(rows, seed, 1, candidate(rows, "middle", seed)) - _inside_mean(rows, seed, 1, None)
        for seed in seeds
    ]
    return judge(
        "gap-closes",
        "The correlation with the support is smaller again at the end of training than in the middle.",
        falls,
        scale=scale,
        threshold="> 0 in every seed",
        holds=min(falls) > 0,
    )


def ratio_in_the_middle(rows: Sequence[Row], seed: int, degree: int) -> float:
    """Return by which factor the support stands out at the checkpoint that taught (nan if not measured)."""
    step = candidate(rows, "middle", seed)
    at = {r["quantity"]: r["value"] for r in rows if r["seed"] == seed and _is_correlation(r, step)}
    if of_degree("off_mean", degree) not in at:
        return math.nan
    outside = at[of_degree("off_mean", degree)] + at[of_degree("noise", degree)]
    return float(_inside_mean(rows, seed, degree, step) / outside)


def is_inside(row: Row, degree: int) -> bool:
    """Tell whether a row is the correlation of one monomial of the support, of this degree."""
    name = str(row["quantity"])
    return name.startswith("in ") and name.count("*") == degree - 1


def _inside_mean(rows: Sequence[Row], seed: int, degree: int, step: int | None) -> float:
    """Return the mean over the support's monomials at a step, None for the last (nan if not measured)."""
    inside = [r for r in rows if r["seed"] == seed and is_inside(r, degree)]
    at = max((r["step"] for r in inside), default=0) if step is None else step
    values = [r["value"] for r in inside if r["step"] == at]
    return statistics.fmean(values) if values else math.nan


def candidate(rows: Sequence[Row], name: str, seed: int) -> int:
    """Return the teacher step of a candidate."""
    return next(
        int(r["step"])
        for r in rows
        if r["method"] == name and r["seed"] == seed and r["quantity"] == "candidate"
    )


def _is_correlation(row: Row, step: int) -> bool:
    return bool(row["method"] == "teacher" and row["quantity"] != "accuracy" and row["step"] == step)


def _finals(rows: Sequence[Row], name: str) -> list[float]:
    return [one[-1][1] for one in _curves(rows, name, "accuracy")]


def _curves(rows: Sequence[Row], method: str, quantity: str) -> list[list[tuple[float, float]]]:
    chosen = [r for r in rows if r["method"] == method and r["quantity"] == quantity]
    seeds = sorted({r["seed"] for r in chosen})
    return [[(r["step"], r["value"]) for r in chosen if r["seed"] == seed] for seed in seeds]


def _series(rows: Sequence[Row], seed: int, quantity: str) -> tuple[list[float], list[float]]:
    chosen = [r for r in rows if r["seed"] == seed and r["quantity"] == quantity]
    return [r["step"] for r in chosen], [r["value"] for r in chosen]


def _row(method: str, seed: int, rate: float, quantity: str, step: int, value: float) -> Row:
    return {"method": method, "seed": seed, "lr": rate, "quantity": quantity, "step": step, "value": value}
