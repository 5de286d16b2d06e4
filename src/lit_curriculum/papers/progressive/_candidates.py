"""What figures 2, 8 and 9 share: students taught by one of three candidate checkpoints (3.1, C.1).

The candidates, at the beginning, in the middle and at the end of the teacher's phase transition, are found
from its accuracy alone. Each teaches T steps before the final checkpoint does. Beside the students stand the
teacher's correlations with monomials of the support and with others.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lit_curriculum.papers.progressive._teaching import (
    callback,
    search,
    strategy,
    student,
    teacher,
)
from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import COLOURS, Line, draw_arms, in_millions, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, AtMost, MeanAbove
from lit_curriculum.reproduce.results import Curve, PerSeed, Results, largest
from lit_curriculum.reproduce.study import Measured, Settings, Study, at_scale

LINES = {
    "beginning": Line("1: beginning", COLOURS["other"]),
    "middle": Line("2: middle", COLOURS["progressive"]),
    "end": Line("3: end", COLOURS["one-shot"]),
}
SOLVED, CHANCE, GAP = AtLeast(0.99), AtMost(0.60), AtLeast(3.0)
# At d = 50 the middle checkpoint teaches just as well, but shows no gap at degree 1; at d = 100 it does.
LAPTOP = {"model.d": 100, "data.d": 100, "data.eval_every": 5000, "data.steps_per_call": 5000}


def candidates(
    scale: Scale,
    *,
    student_width: int,
    T: int,
    degrees: Sequence[int],
    lr: float,
    num_steps: int = 1_000_000,
    teacher_width: int | None = None,
    **monomials: int,
) -> Study:
    """Return a teacher with its correlations, and a student from each candidate.

    Args:
        scale: at laptop scale d = 100 and a teacher of width 4,000.
        student_width: hidden units of the students.
        T: samples under the candidate.
        degrees: of the monomials.
        lr: the teacher's learning rate.
        num_steps: samples of a laptop's teacher.
        teacher_width: hidden units of the teacher, if not those of the scale.
        monomials: further arguments of `LogMonomials`.
    """
    shared: Settings = LAPTOP if scale == "laptop" else {}
    width = teacher_width or {"smoke": 200, "laptop": 4000, "paper": 50_000}[scale]
    own: dict[str, Any] = {"model.width": width, "model.lr": lr}
    rule: dict[str, Any] = {"every_n_steps": {"smoke": 1000, "laptop": 50_000, "paper": 100_000}[scale]}
    narrow: dict[str, Any] = {"model.width": student_width}
    if scale == "laptop":
        rule["on_change"] = 0.03
        own["data.num_steps"], narrow["data.num_steps"] = num_steps, 200_000
    measured = callback("LogMonomials", **rule, degrees=list(degrees), **monomials)
    wide = teacher(own, [callback("HarvestCheckpoints", **rule)], [measured])
    students = [student(n, wide, strategy("TwoShot", T=T, checkpoint=n), narrow) for n in LINES]
    return at_scale(
        scale,
        "sparse_parity_mlp",
        set=shared,
        arms=(wide, *students),
        **search(scale),
        tables={"monomials.csv": correlations, "swaps.csv": _candidate},
    )


def figure(
    study: Study,
    claims: Callable[[Results], list[Claim]],
    cost: str,
    known: Mapping[str, str] = MappingProxyType({}),
) -> Figure:
    """Return the figure of a study of `candidates`."""
    return Figure(
        cost=cost,
        studies=(study,),
        draw=lambda results: draw_candidates(results, study),
        claims=claims,
        known=known,
    )


def correlations(rows: Sequence[dict[str, str]]) -> Iterator[Measured]:
    """Yield a teacher's correlations: every monomial of the support, the others summed up, by degree."""
    for row in rows:
        group = row["group"]
        if group in ("in", "off_mean", "off_std", "off_max", "noise"):
            name = f"in {row['monomial']}" if group == "in" else of_degree(group, int(row["degree"]))
            yield name, int(row["step"]), float(row["correlation"])


def _candidate(rows: Sequence[dict[str, str]]) -> Iterator[Measured]:
    yield "teacher_step", 0, float(rows[0]["teacher_step"])


def of_degree(group: str, degree: int) -> str:
    """Return the name of a summary in the results: ``off_mean`` at degree 1, ``off_mean 2`` at degree 2."""
    return group if degree == 1 else f"{group} {degree}"


# --- the picture ------------------------------------------------------------------------------------------


def draw_candidates(results: Results, study: Study) -> Any:
    """Draw the teacher's accuracy, its correlations by degree, and the students."""
    degrees = [d for d in (1, 2, 3) if of_degree("off_mean", d) in results.metrics("off_mean")]
    picture, (left, *middle, right) = panels(2 + len(degrees), width=4.0, height=3.4)
    seed = study.seeds[0]
    for of_seed, one in results.history("teacher", "accuracy").items():
        # The candidates are this seed's; the other seeds transition elsewhere.
        left.plot(*zip(*one, strict=True), color=COLOURS["teacher"], lw=1.8 if of_seed == seed else 0.6)
    for name, line in LINES.items():
        step = results.final(name, "teacher_step")[seed]
        for axis in (left, *middle):
            axis.axvline(step, color=line.colour, ls=":", lw=1.2)
        left.annotate(line.label[0], (step, 0.47), color=line.colour, ha="center", fontsize=9)
    draw_arms(right, results, LINES)
    for axis, degree in zip(middle, degrees, strict=True):
        _draw_degree(axis, results, seed, degree)
    narrow = study.arms[1]
    T = (narrow.teach or {})["strategy"]["init_args"]["T"]
    left.set(title=f"teacher (bold: seed {seed})", ylabel="test accuracy", ylim=(0.45, 1.03))
    title = f"(2, {T:,})-progressive, width {study.value('model.width', narrow)}"
    right.set(title=title, ylabel="test accuracy", ylim=(0.45, 1.03))
    for axis in (left, *middle, right):
        axis.set_xlabel("training samples")
        in_millions(axis, study.value("data.num_steps", study.arms[0]))
    legend(right, title="checkpoint", title_fontsize=8)
    return picture


def _draw_degree(axis: Any, results: Results, seed: int, degree: int) -> None:
    """Draw one seed's correlations of a degree: each monomial of the support, mean and spread of others."""

    def series(metric: str) -> Curve:
        return results.history("teacher", metric)[seed]

    for i, name in enumerate(_inside(results.only([seed]), degree)):
        axis.plot(
            *zip(*series(name), strict=True), color="#e69f00", lw=1.4, label=None if i else "in support"
        )
    x, mean = zip(*series(of_degree("off_mean", degree)), strict=True)
    spread = [value for _, value in series(of_degree("off_std", degree))]
    axis.plot(x, mean, color="#0072b2", lw=1.4, label="off support (mean, sd)")
    low = [m - s for m, s in zip(mean, spread, strict=True)]
    high = [m + s for m, s in zip(mean, spread, strict=True)]
    axis.fill_between(x, low, high, color="#0072b2", alpha=0.2, lw=0)
    monomial = "".join(f" x_{i}" for i in "ijk"[:degree])
    axis.set(title=f"degree {degree} (seed {seed})", ylabel=f"$|E[p_T(x)_1{monomial}]|$")
    legend(axis)


# --- claims -----------------------------------------------------------------------------------------------

MIDDLE_SOLVES = Claim(
    "middle-solves",
    "(2, T)-distillation from the checkpoint in the middle of the transition solves the task.",
    final("middle"),
    SOLVED,
    paper=1.0,
)
OUTSIDE_STUCK = Claim(
    "outside-stuck",
    "The same from the beginning or the end of the transition stays near chance (better of the two).",
    lambda results: largest(*(results.final(name, "accuracy") for name in ("beginning", "end"))),
    CHANCE,
    paper=0.5,
)
MIDDLE_AHEAD = Claim(
    "middle-ahead",
    "The middle accelerates training most (mean accuracy over the run, minus the better of the others).",
    lambda results: (
        results.mean("middle", "accuracy")
        - largest(*(results.mean(name, "accuracy") for name in ("beginning", "end")))
    ),
    MeanAbove(),
    paper="> 0",
)
GAP_CLOSES = Claim(
    "gap-closes",
    "The correlation with the support is smaller again at the end of training than in the middle.",
    lambda results: _each(
        results, lambda one, seed: _inside_mean(one, 1, _middle(one)) - _inside_mean(one, 1)
    ),
    MeanAbove(),
)


def gap(degree: int, paper: str | None = None) -> Claim:
    """Return the claim that the support stands out at a degree in the middle of the transition."""
    what = "coordinates" if degree == 1 else f"monomials of degree {degree}"
    return Claim(
        f"degree-{degree}-gap",
        f"In the middle the prediction correlates with the support's {what} more than with others (mean in "
        "support over mean off support and the noise of one estimate).",
        lambda results: ratio_in_the_middle(results, degree),
        GAP,
        paper,
    )


def only_the_middle_teaches(results: Results) -> list[Claim]:
    """Return what figure 2 shows: which candidate teaches, and the coordinates' correlations at it."""
    return [MIDDLE_SOLVES, OUTSIDE_STUCK, gap(1, "0.095 in, 0.02 off (peak)"), GAP_CLOSES]


def ratio_in_the_middle(results: Results, degree: int) -> PerSeed:
    """Return by which factor the support stands out at the checkpoint that taught (nan if not measured)."""

    return _each(results, lambda one, seed: ratio_at(one, degree, _middle(one)))


def ratio_at(one: Results, degree: int, step: float) -> float:
    """Return by which factor the support of one seed's teacher stands out at a step (nan if not measured)."""
    outside = [_exactly(one, of_degree(name, degree), step) for name in ("off_mean", "noise")]
    return _inside_mean(one, degree, step) / sum(outside)


def _each(results: Results, measure: Callable[[Results, int], float]) -> PerSeed:
    seeds = list(results.final("teacher", "accuracy"))
    return PerSeed({seed: measure(results.only([seed]), seed) for seed in seeds})


def _middle(one: Results) -> float:
    return next(iter(one.final("middle", "teacher_step").values()))


def _inside(one: Results, degree: int) -> list[str]:
    """Return the metrics that are the correlation of one monomial of the support, of this degree."""
    return [name for name in one.metrics("in ") if name.count("*") == degree - 1]


def _inside_mean(one: Results, degree: int, step: float | None = None) -> float:
    """Return the mean over the support's monomials at a step, None for the last (nan if not measured)."""
    names = _inside(one, degree)
    if step is None:
        return statistics.fmean(next(iter(one.final("teacher", name).values())) for name in names)
    return statistics.fmean(_exactly(one, name, step) for name in names)


def _exactly(one: Results, metric: str, step: float) -> float:
    (curve,) = one.curves("teacher", metric)
    return dict(curve).get(step, math.nan)
