"""Table 1 of `subtask` from its rows: ours beside the paper's, a figure of the entries, claims."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from lit_curriculum.papers.figure import Claim, Row, Scale, judge, listed
from lit_curriculum.papers.style import panels
from lit_curriculum.papers.subtask.parity import (
    WITH,
    WITHOUT,
    Cell,
    Subsets,
    better_steps,
    final_accuracies,
    measure_cells,
)
from lit_curriculum.papers.subtask.published import ACCURACY, ITERATIONS
from lit_curriculum.runs.lab import Lab

# Chance alone exceeds 60 % on the 32 validation strings of 8 bits about once in ten. Three evaluations in a
# row ask for more, though not for its cube: they see the same strings, with only a few steps between them.
TIMES = 3
_COLOURS = {WITH: "#c8442b", WITHOUT: "#4b9b5b"}
# The sizes on which growth is judged: those that plain training still learns on a laptop.
_GROWTH = (8, 10, 12)


class TableTarget(NamedTuple):
    """The functions that every target showing the table shares."""

    measure: Callable[[Lab, Scale], list[Row]]
    table: Callable[[Sequence[Row], Scale], list[Row]]
    draw: Callable[[Sequence[Row], Scale], Any]


def target(settings: Mapping[Scale, Subsets]) -> TableTarget:
    """Return what trains every entry, shows it beside the paper's, and draws both."""
    return TableTarget(
        lambda lab, scale: measure_cells(lab, settings[scale], settings[scale].cells),
        lambda rows, scale: compared(rows, settings[scale]),
        lambda rows, scale: entries(rows, settings[scale]),
    )


def name(cell: Cell) -> str:
    """Return an entry's name in the ids of claims."""
    return f"{cell.d}-bits" if cell.method == WITH else f"{cell.d}-bits-without"


def compared(rows: Sequence[Row], setting: Subsets) -> list[Row]:
    """Return the table: a row for each number of bits, ours beside the paper's."""
    by_size = {(cell.method, cell.d): cell for cell in setting.cells}
    lines = []
    for d in sorted({cell.d for cell in setting.cells}):
        line: Row = {"bits": d}
        for method in (WITH, WITHOUT):
            cell = by_size.get((method, d))
            line |= {
                f"accuracy {method}": _accuracy(rows, cell, setting),
                f"accuracy {method}, paper": _published(ACCURACY, method, d, "%", ""),
                f"steps {method}": _steps(rows, cell, setting),
                f"steps {method}, paper": _published(ITERATIONS, method, d, "", "> 100,000"),
            }
        lines.append(line)
    return lines


def _accuracy(rows: Sequence[Row], cell: Cell | None, setting: Subsets) -> str:
    if cell is None:
        return ""
    return _mean_and_twice_spread(
        [100 * v for v in final_accuracies(rows, cell, setting.seeds_of(cell))], "%"
    )


def _steps(rows: Sequence[Row], cell: Cell | None, setting: Subsets) -> str:
    if cell is None:
        return ""
    steps = better_steps(rows, cell, setting.seeds_of(cell))
    reached = [step for step in steps if math.isfinite(step)]
    if len(reached) < len(steps):
        return f"> {cell.num_steps:,} in {len(steps) - len(reached)} of {len(steps)} seeds"
    return _mean_and_twice_spread(reached, "")


def _mean_and_twice_spread(values: Sequence[float], unit: str) -> str:
    """Return a mean with two standard deviations over seeds, as the paper's caption has it."""
    text = f"{_number(statistics.fmean(values), 4)}{unit}"
    return f"{text} ± {_number(2 * statistics.stdev(values), 3)}" if len(values) > 1 else text


def _number(value: float, digits: int) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.{digits}g}"


def _published(
    numbers: dict[tuple[str, int], tuple[float, float]], method: str, d: int, unit: str, otherwise: str
) -> str:
    if (method, d) not in ACCURACY:
        return ""
    if (method, d) not in numbers:
        return otherwise
    mean, twice = numbers[method, d]
    return f"{mean:,.10g}{unit} ± {twice:,.10g}"


def entries(rows: Sequence[Row], setting: Subsets) -> Any:
    """Draw final accuracy and steps against the number of bits, ours filled, the paper's hollow."""
    figure, (left, right) = panels(2, width=4.6, height=3.6)
    for method, colour in _COLOURS.items():
        for cell in setting.of(method):
            for value in final_accuracies(rows, cell, setting.seeds_of(cell)):
                left.plot(cell.d, value, "o", ms=5, color=colour, alpha=0.7)
            for step in better_steps(rows, cell, setting.seeds_of(cell)):
                reached = math.isfinite(step)
                right.plot(
                    cell.d, step if reached else cell.num_steps, "o" if reached else "^", ms=5, color=colour
                )
        for axis, numbers, unit in ((left, ACCURACY, 100), (right, ITERATIONS, 1)):
            sizes = [d for how, d in numbers if how == method]
            means = [numbers[method, d][0] / unit for d in sizes]
            axis.plot(sizes, means, "s--", ms=6, mfc="none", lw=0.8, color=colour, label=f"{method}, paper")
        left.plot([], [], "o", color=colour, label=f"{method}, ours")
    left.set(xscale="log", ylabel="test accuracy, decoded", title="after the last step")
    right.set(xscale="log", yscale="log", ylabel="steps", title="first better than random (triangle: never)")
    for axis in (left, right):
        axis.set_xticks([8, 16, 32, 64, 128], ["8", "16", "32", "64", "128"])
        axis.minorticks_off()
        axis.set_xlabel("bits")
    left.legend(fontsize=7, frameon=False)
    return figure


# --- claims -----------------------------------------------------------------------------------------------


def learned(rows: Sequence[Row], setting: Subsets, cell: Cell, scale: Scale) -> Claim:
    """Judge that an entry is learned in every seed."""
    values = final_accuracies(rows, cell, setting.seeds_of(cell))
    published = ACCURACY.get((cell.method, cell.d))
    how = "With labels of the sub-tasks" if cell.method == WITH else "Without labels"
    return judge(
        f"learned-{name(cell)}",
        f"{how} {cell.d} bits are learned: decoded test accuracy.",
        values,
        scale=scale,
        threshold="1.00 to two digits (>= 0.995) in every seed",
        holds=min(values) >= 0.995,
        paper_value=published[0] / 100 if published else None,
    )


def growth(rows: Sequence[Row], setting: Subsets, scale: Scale) -> list[Claim]:
    """Judge that without labels each two bits more multiply the steps."""
    cells = {cell.d: cell for cell in setting.of(WITHOUT)}
    made = []
    for few, many in itertools.pairwise(_GROWTH):
        if few not in cells or many not in cells:
            continue
        steps = [better_steps(rows, cells[d], setting.seeds, TIMES) for d in (few, many)]
        # A run that has not learned needs more than its length: the ratio is a lower bound.
        longest = cells[many].num_steps
        ratios = [min(b, longest) / a for a, b in zip(*steps, strict=True) if math.isfinite(a)]
        claim = judge(
            f"growth-{few}-to-{many}-bits",
            f"Without labels {many} bits take many times the steps of {few} until {TIMES} evaluations "
            "in a row are better than random (ratio, paired by seed; a run that never is counts with "
            "its length).",
            ratios,
            scale=scale,
            threshold=f"mean at least 3, {few} bits better than random in every seed",
            holds=len(ratios) == len(setting.seeds) and statistics.fmean(ratios) >= 3,
            paper_value=round(ITERATIONS[WITHOUT, many][0] / ITERATIONS[WITHOUT, few][0], 1),
        )
        told = [
            _censored(steps[0], steps[1], cells[few], cells[many]),
            f"ratios {listed(ratios)}" if ratios else "",
            f"{few} bits end at {listed(final_accuracies(rows, cells[few], setting.seeds))} on test",
        ]
        made.append(replace(claim, note="; ".join(filter(None, told))))
    return made


def _censored(few: Sequence[float], many: Sequence[float], smaller: Cell, larger: Cell) -> str:
    """Say which runs ended before they learned, and what that makes of the ratio; nothing if none did."""
    told = []
    if lost := sum(map(math.isinf, few)):
        told.append(
            f"{lost} of {len(few)} seeds do not learn {smaller.d} bits within {smaller.num_steps:,} steps "
            "and have no ratio"
        )
    bounds = [math.isfinite(a) and math.isinf(b) for a, b in zip(few, many, strict=True)]
    if any(bounds):
        told.append(
            f"censored: {sum(bounds)} of {len(many)} seeds do not learn {larger.d} bits within "
            f"{larger.num_steps:,} steps; their ratio, and so the mean, is a lower bound"
        )
    return "; ".join(told)
