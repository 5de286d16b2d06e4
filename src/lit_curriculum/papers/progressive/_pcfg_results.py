"""What figures read of PCFG-BERT students: their ends, gains over one-shot, and how they are drawn."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lit_curriculum.papers.progressive._pcfg import HALF, TEACHER
from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT, one_shot
from lit_curriculum.reproduce.claim import Quantity
from lit_curriculum.reproduce.panels import LINES, Line, bars, curve, in_millions, legend
from lit_curriculum.reproduce.predicates import bounds
from lit_curriculum.reproduce.results import PerSeed, Results, Row, mean_of, smallest
from lit_curriculum.reproduce.study import Study

Gain = Callable[[Results], PerSeed]

BETTER_ONE_SHOT = LINES["one-shot"]._replace(label="one-shot, better of two temperatures")
"""How `one_shot` is drawn."""


def of(results: Results, study: Study) -> Results:
    """Return the results of a study of this module."""
    return results.where(**study.axes)


def worse_one_shot(results: Results) -> PerSeed:
    """Return what the worse of the two temperatures ends at, seed by seed: where one-shot is said to win."""
    return smallest(results.final(ONE_SHOT, "accuracy"), results.final(ONE_SHOT_SOFT, "accuracy"))


def relative_gain(results: Results) -> PerSeed:
    """Return how far progressive ends above one-shot, both at tau = 1e-4, as a share (figures 26 and 27)."""
    base = results.final(ONE_SHOT, "accuracy")
    return (results.final(HALF, "accuracy") - base) / base


def pooled(studies: Sequence[Study], gain: Callable[[Results], PerSeed]) -> Quantity:
    """Return each seed's mean of a gain over several studies: one claim over all of them."""
    return lambda results: mean_of(*(gain(of(results, study)) for study in studies))


def gains_table(results: Results, studies: Sequence[Study], gains: Mapping[str, Gain]) -> list[Row]:
    """Return a row for each study and comparison: the mean gain over seeds with its one-sided 95 % bounds."""
    rows = []
    for study in studies:
        for name, gain in gains.items():
            values = list(gain(of(results, study)).values())
            low, high = bounds(values)
            gained = {
                "gain": f"{statistics.fmean(values):.4f}",
                "at least": f"{low:.4f}",
                "at most": f"{high:.4f}",
            }
            rows.append({**study.axes, "comparison": name, **gained})
    return rows


def beats_both(arm: str) -> Gain:
    """Return how far an arm ends above one-shot distillation, the better of its two temperatures."""
    return lambda results: results.final(arm, "accuracy") - one_shot(results)


def beats(better: str, worse: str) -> Gain:
    """Return how far an arm ends above another."""
    return lambda results: results.paired(better, worse, "accuracy")


def end_over_peak(teacher: Results) -> PerSeed:
    """Return each seed's last M_robust(3) as a share of its largest."""
    robust = teacher.history(TEACHER, "robust_3")
    return PerSeed({s: c[-1][1] / (max(v for _, v in c) or 1.0) for s, c in robust.items()})


def at_accuracy(results: Results, arm: str, metric: str, levels: PerSeed) -> PerSeed:
    """Return each seed's value of a metric when its accuracy first was at a level; nan if it never was.

    Between two measurements both change evenly.
    """
    accuracies, values = results.history(arm, "accuracy"), results.history(arm, metric)

    def at(seed: int) -> float:
        step = _first_at(accuracies[seed], levels[seed])
        steps, measured = zip(*values[seed], strict=True)
        return math.nan if step is None else float(np.interp(step, steps, measured))

    return PerSeed({seed: at(seed) for seed in values})


def _first_at(curve: Sequence[tuple[float, float]], level: float) -> float | None:
    """Return the step at which a curve first reaches a level, between two measurements in proportion."""
    if curve[0][1] >= level:
        return curve[0][0]
    for (step, below), (next_step, above) in pairwise(curve):
        if above >= level:
            return step + (level - below) / (above - below) * (next_step - step)
    return None


def depths(results: Results) -> list[int]:
    """Return the depths at which non-terminals were probed."""
    return sorted(int(name.rsplit("_", 1)[1]) for name in results.metrics("nonterminal_"))


# --- pictures ---------------------------------------------------------------------------------------------


def by_length(axis: Any, values: Sequence[PerSeed], studies: Sequence[Study], line: Line) -> None:
    """Draw one number per seed and study against the length of the runs; one length is a mark, no line."""
    lengths = [study.axes["num_steps"] for study in studies]
    seeds = [
        list(zip(lengths, of_seed, strict=True))
        for of_seed in zip(*(v.values() for v in values), strict=True)
    ]
    style = line.style if len(lengths) > 1 else ""
    curve(axis, seeds, line.colour, line.label, ls=style, marker="o", ms=4)


def paper_lengths(
    axis: Any, values: Mapping[str, Sequence[float]], lengths: Sequence[int], longest: int
) -> None:
    """Draw the paper's accuracies as hollow marks, its lengths as shares of the longest run.

    Args:
        axis: with our own.
        values: name in `LINES` -> the paper's accuracy at each of its lengths.
        lengths: the paper's, in updates, ascending.
        longest: of ours; the paper's longest run stands there.
    """
    places = [length * longest / lengths[-1] for length in lengths]
    for name, accuracies in values.items():
        axis.plot(places, accuracies, "o", ms=6, mfc="none", color=LINES[name].colour)
    label = "the paper's, in the same colours"
    if longest != lengths[-1]:
        label += f":\nits own sizes, {lengths[-1] / longest:.3g} times as many steps"
    axis.plot([], [], "o", ms=6, mfc="none", color="#555555", label=label)


def log_lengths(axis: Any, lengths: Sequence[int], **labels: Any) -> None:
    """Label an axis of runs' lengths."""
    axis.set(xlabel="training steps", xscale="log", **labels)
    axis.set_xticks(lengths)
    axis.minorticks_off()
    in_millions(axis, max(lengths))


def log_steps(axis: Any, first: float, last: float, **labels: Any) -> None:
    """Put steps on a log scale: ticks at the last one, its halves, and the first one."""
    halves = [last / 2**i for i in range(int(math.log2(last / first)))]
    axis.set(xscale="log", **labels)
    axis.set_xticks([first, *halves[::-1]])
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(lambda step, _: f"{step:g}" if step < 1000 else f"{step / 1000:g}k")


def heads_of(heads: int) -> str:
    """Return "1 head", "2 heads"."""
    return f"{heads} head{'s' if heads > 1 else ''}"


def gap_bars(axis: Any, results: Results, shown: dict[str, list[Study]], colours: Sequence[Any]) -> None:
    """Draw how far progressive distillation ends above one-shot, as a share of it, a group of bars a length.

    The share is the paper's measure; tables and most claims have differences of accuracy.
    """
    series = {
        name: [relative_gain(of(results, study)).map(lambda gap: 100 * gap) for study in studies]
        for name, studies in shown.items()
    }
    lengths = [study.axes["num_steps"] for study in next(iter(shown.values()))]
    bars(axis, [f"{steps:,} steps" for steps in lengths], series, colours)
    axis.plot([], [], "|", ms=9, color="#555555", label="± 1 sd over seeds")
    axis.set_ylabel("(progressive - one-shot) / one-shot (%)", fontsize=9)
    legend(axis)
