"""Comparing ways to teach students of PCFG-BERT: the runs, their rows, and claims about pairs of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, excused, judge
from lit_curriculum.papers.progressive.pcfg import HALF, ONE_SHOT, ONE_SHOT_SOFT, Pcfg
from lit_curriculum.papers.style import curve, mean_and_spread
from lit_curriculum.papers.tuning import MakeRun, choose_rates
from lit_curriculum.runs.graph import Finished, Run
from lit_curriculum.runs.lab import Lab

TEACHER = "teacher"
SATURATED = (
    "After so many steps students are off the plateau whoever teaches them, and their few heads limit where "
    "they end: on tuning seeds all methods lie within noise of each other (docs/negative_results.md)."
)
BETTER = "> 0 on average and > 0 in more than half of the seeds"


@dataclass(frozen=True)
class Case:
    """Students that are compared with each other.

    Attributes:
        setting: grammar, mask rate and teacher.
        heads: their attention heads.
        num_steps: their length in updates.
    """

    setting: Pcfg
    heads: int
    num_steps: int

    @property
    def too_easy(self) -> bool:
        """Whether the run is so long that at laptop scale no method has an advantage left."""
        return self.num_steps > self.setting.student_steps


def variant_cases(setting: Pcfg, heads: int) -> list[Case]:
    """Return the cases of a width at the lengths at which figures 24 to 27 compare variants."""
    return [Case(setting, heads, num_steps) for num_steps in setting.variant_horizons]


def compare(lab: Lab, cases: Sequence[Case], methods: Sequence[str]) -> list[Row]:
    """Train students of every case by every method, and return what was measured of them.

    The peak rate is chosen for each method, width and length by the same search in the first case's
    setting, and kept for other grammars and mask rates. Two-shot distillation is one method, whatever its
    checkpoint: its rate is chosen with the candidate in the middle of the list.
    """
    shapes = dict.fromkeys((case.heads, case.num_steps) for case in cases)
    rates = {shape: _rates(lab, Case(cases[0].setting, *shape), methods) for shape in shapes}
    jobs: list[tuple[Run, str, Case, int, float]] = []
    for case in cases:
        for method in methods:
            rate = rates[case.heads, case.num_steps][method]
            for seed in case.setting.seeds:
                run = case.setting.student(method, case.heads, rate, seed, case.num_steps)
                jobs.append((run, method, case, seed, rate))
    finished = lab.fit([job[0] for job in jobs])
    return [
        row
        for run, (_, method, case, seed, rate) in zip(finished, jobs, strict=True)
        for row in rows_of(run, method, case, seed, rate)
    ]


def label_trained(lab: Lab, cases: Sequence[Case], method: str = TEACHER) -> list[Row]:
    """Train models of every case with labels at the teacher's rate: teachers, or models of other widths."""
    jobs = [
        (case.setting.labelled(case.heads, seed, case.num_steps), case, seed)
        for case in cases
        for seed in case.setting.seeds
    ]
    finished = lab.fit([job[0] for job in jobs])
    return [
        row
        for run, (_, case, seed) in zip(finished, jobs, strict=True)
        for row in rows_of(run, method, case, seed, case.setting.teacher_lr)
    ]


def rows_of(run: Finished, method: str, case: Case, seed: int, rate: float) -> list[Row]:
    """Return accuracy, loss, and what was probed of a run, as rows of data.csv."""

    def row(quantity: str, step: int, value: float) -> Row:
        return make_row(method, case, seed, rate, quantity, step, value)

    rows = [row("accuracy", step, value) for step, value in run.history("test/accuracy")]
    rows += [row("loss", step, value) for step, value in run.history("val/loss")]
    if (run.path / "ngrams.csv").is_file():
        for measured in run.rows("ngrams.csv"):
            for name in ("robust", "close"):
                rows.append(row(f"{name}_{measured['n']}", int(measured["step"]), float(measured[name])))
    if (run.path / "nonterminals.csv").is_file():
        for measured in run.rows("nonterminals.csv"):
            depth, step = measured["depth"], int(measured["step"])
            rows.append(row(f"nonterminal_{depth}", step, float(measured["accuracy"])))
            rows.append(row(f"chance_{depth}", step, float(measured["chance"])))
    return rows


def make_row(method: str, case: Case, seed: int, rate: float, quantity: str, step: int, value: float) -> Row:
    """Return one row of data.csv."""
    return {
        "setting": case.setting.name,
        "heads": case.heads,
        "num_steps": case.num_steps,
        "method": method,
        "seed": seed,
        "lr": rate,
        "quantity": quantity,
        "step": step,
        "value": value,
    }


def curves(rows: Sequence[Row], method: str, quantity: str, case: Case) -> list[list[tuple[float, float]]]:
    """Return (step, value) over a run, one curve a seed.

    Raises:
        ValueError: if a seed of the case is missing: a claim over every seed must not lose one.
    """
    wanted = (case.setting.name, case.heads, case.num_steps, method, quantity)
    keys = ("setting", "heads", "num_steps", "method", "quantity")
    chosen = [row for row in rows if tuple(row[key] for key in keys) == wanted]
    missing = set(case.setting.seeds) - {row["seed"] for row in chosen}
    if missing:
        raise ValueError(f"data of {wanted} lacks the seeds {sorted(missing)}")
    return [[(r["step"], r["value"]) for r in chosen if r["seed"] == s] for s in case.setting.seeds]


def finals(rows: Sequence[Row], method: str, case: Case, quantity: str = "accuracy") -> list[float]:
    """Return the last value of each seed."""
    return [one[-1][1] for one in curves(rows, method, quantity, case)]


def better_one_shot(rows: Sequence[Row], case: Case) -> str:
    """Return the temperature whose one-shot students are better, as the paper reports it (section 4)."""
    return max((ONE_SHOT, ONE_SHOT_SOFT), key=lambda method: statistics.fmean(finals(rows, method, case)))


def gains(
    rows: Sequence[Row], better: str, worse: str, case: Case, quantity: str = "accuracy"
) -> list[float]:
    """Return how far one method ends above another, paired by seed."""
    pairs = zip(finals(rows, better, case, quantity), finals(rows, worse, case, quantity), strict=True)
    return [a - b for a, b in pairs]


def relative_gains(rows: Sequence[Row], better: str, worse: str, case: Case) -> list[float]:
    """Return how far one method ends above another, as a share of the other (figures 26 and 27)."""
    pairs = zip(finals(rows, better, case), finals(rows, worse, case), strict=True)
    return [(a - b) / b for a, b in pairs]


def is_better(gains: Sequence[float]) -> bool:
    """Judge paired gains by the rule `BETTER`."""
    return statistics.fmean(gains) > 0 and sum(gain > 0 for gain in gains) > len(gains) / 2


def beats(
    id: str,
    statement: str,
    gains: Sequence[float],
    scale: Scale,
    paper_value: float | str | None = None,
    too_easy: bool = False,
) -> Claim:
    """Make the claim that one method beats another.

    Args:
        id: short name of the claim.
        statement: what is claimed.
        gains: one a seed.
        scale: where it was measured.
        paper_value: the paper's number.
        too_easy: whether students of this length are limited by their size, whoever teaches; what fails is
            then called not shown at laptop scale.
    """
    claim = judge(
        id,
        statement,
        gains,
        scale=scale,
        threshold=BETTER,
        holds=is_better(gains),
        paper_value=paper_value,
    )
    return excused(claim, scale, SATURATED) if too_easy else claim


def over_horizons(
    axis: Any, rows: Sequence[Row], method: str, cases: Sequence[Case], colour: Any, label: str, **line: Any
) -> None:
    """Draw final accuracy against the length of the run, with the spread over seeds."""
    by_length(axis, [finals(rows, method, case) for case in cases], cases, colour, label, **line)


def by_length(
    axis: Any,
    values: Sequence[Sequence[float]],
    cases: Sequence[Case],
    colour: Any,
    label: str,
    **line: Any,
) -> None:
    """Draw one list of seeds a case against the length of its runs."""
    lengths = [case.num_steps for case in cases]
    seeds = [list(zip(lengths, seed, strict=True)) for seed in zip(*values, strict=True)]
    curve(axis, seeds, colour, label, **{"marker": "o", "ms": 4, **line})


def gap_bars(axis: Any, rows: Sequence[Row], variants: dict[str, list[Case]], colours: Sequence[Any]) -> None:
    """Draw how far progressive distillation ends above one-shot, relatively, a group of bars a length."""
    series = {
        name: [[100 * gap for gap in relative_gains(rows, HALF, ONE_SHOT, case)] for case in cases]
        for name, cases in variants.items()
    }
    lengths = [case.num_steps for case in next(iter(variants.values()))]
    bars(axis, [f"{steps:,} steps" for steps in lengths], series, colours)
    axis.set_ylabel("relative gap in accuracy (%)")
    axis.legend(fontsize=8)


def bars(
    axis: Any, groups: Sequence[str], series: dict[str, list[list[float]]], colours: Sequence[Any]
) -> None:
    """Draw grouped bars: for each series one list of seeds a group, with its spread."""
    width = 0.8 / len(series)
    for i, (label, values) in enumerate(series.items()):
        places = [k - 0.4 + (i + 0.5) * width for k in range(len(groups))]
        stats = [mean_and_spread([[(0, v)] for v in seeds]) for seeds in values]
        axis.bar(
            places,
            [float(mean[0]) for _, mean, _ in stats],
            width * 0.9,
            yerr=[float(spread[0]) for _, _, spread in stats],
            color=colours[i],
            label=label,
            error_kw={"lw": 1, "ecolor": "#555555"},
        )
    axis.set_xticks(range(len(groups)), groups)
    axis.axhline(0, color="#555555", lw=0.8)


def _rates(lab: Lab, case: Case, methods: Sequence[str]) -> dict[str, float]:
    """Return each method's rate for students of a width and length."""
    setting = case.setting
    tuned_as = {method: setting.tuned_as(method) for method in methods}
    makers = {method: _maker(case, method) for method in dict.fromkeys(tuned_as.values())}
    chosen = choose_rates(lab, makers, setting.rates, setting.tuning_seeds, "last")
    return {method: chosen[tuned] for method, tuned in tuned_as.items()}


def _maker(case: Case, method: str) -> MakeRun:
    def make(rate: float, seed: int) -> Run:
        return case.setting.student(method, case.heads, rate, seed, case.num_steps, report=False)

    return make
