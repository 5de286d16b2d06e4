"""Table 1 of `subtask` from its results: ours beside the paper's, a figure of the entries, claims."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.subtask._parity import (
    COLOURS,
    TIMES,
    accuracy,
    better_steps,
    entries,
    find,
    length,
)
from lit_curriculum.papers.subtask._published import ACCURACY, ITERATIONS, WITH, WITHOUT
from lit_curriculum.reproduce.claim import Claim, listed
from lit_curriculum.reproduce.panels import legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results, Row
from lit_curriculum.reproduce.study import Study

# The sizes on which growth is judged: those that plain training still learns on a laptop.
_GROWTH = (8, 10, 12)


def name(study: Study) -> str:
    """Return an entry's name in the ids of claims."""
    d = study.axes["d"]
    return f"{d}-bits" if study.arms[0].name == WITH else f"{d}-bits-without"


def compared(results: Results, studies: Sequence[Study]) -> list[Row]:
    """Return the table: a row for each number of bits, ours beside the paper's."""
    lines = []
    for d in sorted({study.axes["d"] for study in studies}):
        line: Row = {"bits": d}
        for arm in (WITH, WITHOUT):
            study = find(studies, arm, d)
            line |= {
                f"accuracy {arm}": _accuracy(results, study),
                f"accuracy {arm}, paper": _published(ACCURACY, arm, d, "%", ""),
                f"steps {arm}": _steps(results, study),
                f"steps {arm}, paper": _published(ITERATIONS, arm, d, "", "> 100,000"),
            }
        lines.append(line)
    return lines


def _accuracy(results: Results, study: Study | None) -> str:
    if study is None:
        return ""
    return _mean_and_twice_spread([100 * v for v in accuracy(results, study).values()], "%")


def _steps(results: Results, study: Study | None) -> str:
    if study is None:
        return ""
    steps = better_steps(results, study, times=1).values()
    reached = [step for step in steps if math.isfinite(step)]
    if len(reached) < len(steps):
        return f"> {length(study):,} in {len(steps) - len(reached)} of {len(steps)} seeds"
    return _mean_and_twice_spread(reached, "")


def _mean_and_twice_spread(values: Sequence[float], unit: str) -> str:
    """Return a mean with two standard deviations over seeds, as the paper's caption has it."""
    text = f"{_number(statistics.fmean(values), 4)}{unit}"
    return f"{text} ± {_number(2 * statistics.stdev(values), 3)}" if len(values) > 1 else text


def _number(value: float, digits: int) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.{digits}g}"


def _published(
    numbers: dict[tuple[str, int], tuple[float, float]], arm: str, d: int, unit: str, otherwise: str
) -> str:
    if (arm, d) not in ACCURACY:
        return ""
    if (arm, d) not in numbers:
        return otherwise
    mean, twice = numbers[arm, d]
    return f"{mean:,.10g}{unit} ± {twice:,.10g}"


def draw_entries(results: Results, studies: Sequence[Study]) -> Any:
    """Draw final accuracy and steps against the number of bits, ours filled, the paper's hollow."""
    picture, (left, right) = panels(2, width=4.6, height=3.6)
    for arm, colour in COLOURS.items():
        for study in entries(studies, arm):
            d = study.axes["d"]
            for value in accuracy(results, study).values():
                left.plot(d, value, "o", ms=5, color=colour, alpha=0.7)
            for step in better_steps(results, study, times=1).values():
                never = math.isinf(step)
                right.plot(d, length(study) if never else step, "^" if never else "o", ms=5, color=colour)
        for axis, numbers, unit in ((left, ACCURACY, 100), (right, ITERATIONS, 1)):
            sizes = [d for how, d in numbers if how == arm]
            means = [numbers[arm, d][0] / unit for d in sizes]
            axis.plot(sizes, means, "s--", ms=6, mfc="none", lw=0.8, color=colour, label=f"{arm}, paper")
        left.plot([], [], "o", color=colour, label=f"{arm}, ours")
    left.set(xscale="log", ylabel="test accuracy, decoded", title="after the last step")
    right.set(xscale="log", yscale="log", ylabel="steps", title="first better than random (triangle: never)")
    for axis in (left, right):
        label_bits(axis)
    legend(left)
    return picture


def label_bits(axis: Any) -> None:
    """Label a logarithmic axis of bits."""
    axis.set_xticks([8, 16, 32, 64, 128], ["8", "16", "32", "64", "128"])
    axis.minorticks_off()
    axis.set_xlabel("bits")


# --- claims -----------------------------------------------------------------------------------------------


def learned(study: Study) -> Claim:
    """Return that an entry is learned in every seed: 1.00 to two digits."""
    arm, d = study.arms[0].name, study.axes["d"]
    how = "With labels of the sub-tasks" if arm == WITH else "Without labels"
    return Claim(
        f"learned-{name(study)}",
        f"{how} {d} bits are learned: decoded test accuracy.",
        lambda results: accuracy(results, study),
        AtLeast(0.995),
        paper=ACCURACY[arm, d][0] / 100 if (arm, d) in ACCURACY else None,
    )


def ratio(results: Results, few: Study, many: Study) -> PerSeed:
    """Return how many times the steps an entry takes of another's, paired by seed.

    A run that has not learned needs more than its length: a lower bound. nan where the first never learns.
    """
    base, more = better_steps(results, few), better_steps(results, many)
    seeds = [seed for seed in base if seed in more]
    return PerSeed(
        {s: min(more[s], length(many)) / base[s] if math.isfinite(base[s]) else math.nan for s in seeds}
    )


def grows(studies: Sequence[Study]) -> list[Claim]:
    """Return that without labels each two bits more multiply the steps."""
    made = []
    for d, larger in itertools.pairwise(_GROWTH):
        few, many = find(studies, WITHOUT, d), find(studies, WITHOUT, larger)
        if few is None or many is None:
            continue
        made.append(
            Claim(
                f"growth-{d}-to-{larger}-bits",
                f"Without labels {larger} bits take many times the steps of {d} until {TIMES} evaluations in "
                "a row are better than random (ratio, paired by seed; a run that never is counts with its "
                "length).",
                lambda results, a=few, b=many: ratio(results, a, b),  # type: ignore[misc]
                MeanAbove(3.0),
                paper=round(ITERATIONS[WITHOUT, larger][0] / ITERATIONS[WITHOUT, d][0], 1),
                note=lambda results, a=few, b=many: _growth_note(results, a, b),  # type: ignore[misc]
            )
        )
    return made


def _growth_note(results: Results, few: Study, many: Study) -> str:
    """Say which runs ended before they learned, what that makes of the ratio, and where the smaller end."""
    base, more = better_steps(results, few), better_steps(results, many)
    told = []
    if lost := sum(map(math.isinf, base.values())):
        told.append(
            f"{lost} of {len(base)} seeds do not learn {few.axes['d']} bits within {length(few):,} steps and "
            "have no ratio"
        )
    if bounds := sum(math.isfinite(base[seed]) and math.isinf(more[seed]) for seed in base):
        told.append(
            f"censored: {bounds} of {len(more)} seeds do not learn {many.axes['d']} bits within "
            f"{length(many):,} steps; their ratio, and so the mean, is a lower bound"
        )
    told.append(f"ratios {listed([v for v in ratio(results, few, many).values() if math.isfinite(v)])}")
    told.append(f"{few.axes['d']} bits end at {listed(list(accuracy(results, few).values()))} on test")
    return "; ".join(told)
