"""Elman networks learn bit-subset parity from labels of its sub-tasks, by any of three algorithms.

The paper proves theorem 2 for algorithms 1 to 3 and trains no such network. Left: samples until it is learned
against the number of bits, by algorithm 1. Right: the decoded error with gradients of finite precision.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.style import panels
from lit_curriculum.papers.subtask import elman
from lit_curriculum.papers.subtask.claims import at_chance, gap_opens, lemma_1
from lit_curriculum.papers.subtask.elman import (
    ADAM,
    ROUNDED_GD,
    ROUNDED_SGD,
    VARIANTS,
    WORST_GD,
    WORST_SGD,
    Elman,
    cell_of,
    measure_elman,
)
from lit_curriculum.papers.subtask.parity import (
    ALMOST_FLAWLESS,
    WITH,
    WITHOUT,
    Cell,
    better_steps,
    history,
)
from lit_curriculum.runs.lab import Lab

SETTINGS: dict[Scale, Elman] = elman.SETTINGS
_TIMES = 3
_COLOURS = {WITH: "#c8442b", WITHOUT: "#4b9b5b"}
_LINES = {
    WITH: ("algorithm 1", "#c8442b", "-"),
    ROUNDED_SGD: (ROUNDED_SGD, "#e08b2d", "-"),
    WORST_SGD: (WORST_SGD, "#e08b2d", ":"),
    ROUNDED_GD: (ROUNDED_GD, "#2f6fb0", "-"),
    WORST_GD: (WORST_GD, "#2f6fb0", ":"),
    ADAM: (f"{ADAM}, minibatches", "#333333", "-"),
}


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "30 runs of 1,000 to 3,000,000 updates; about 6 minutes",
        "paper": "36 runs of a network of width 512 and up to 5M updates; days on one core, never run",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train every cell."""
    return measure_elman(lab, SETTINGS[scale])


# --- the picture ------------------------------------------------------------------------------------------


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw steps against bits, and the variants' errors over the run."""
    setting = SETTINGS[scale]
    figure, (left, right) = panels(2, width=5.0, height=3.9)
    for method, colour in _COLOURS.items():
        _draw_steps(left, rows, setting, method, colour)
    sizes = sorted({cell.d for cell in setting.cells})
    left.set(
        yscale="log",
        xlabel="bits",
        ylabel="updates until better than random",
        title="algorithm 1 (triangles: not within the run)",
    )
    left.set_xticks(sizes, [str(d) for d in sizes])
    left.legend(fontsize=8)
    for method in _LINES:
        _draw_errors(right, rows, setting, method)
    d = setting.of(ADAM)[0].d
    right.set(
        xscale="log",
        xlabel="updates",
        ylabel="decoded error of the answer, test",
        title=f"{d} bits, mean over seeds",
        ylim=(-0.03, 0.75),
    )
    right.legend(fontsize=7)
    return figure


def _draw_steps(axis: Any, rows: Sequence[Row], setting: Elman, method: str, colour: str) -> None:
    means = []
    for cell in setting.of(method):
        steps = better_steps(rows, cell, setting.seeds, _TIMES)
        reached = [step for step in steps if math.isfinite(step)]
        axis.plot([cell.d] * len(reached), reached, ".", ms=5, color=colour, alpha=0.6)
        if len(reached) == len(steps):
            means.append((cell.d, statistics.fmean(reached)))
        else:
            axis.plot(cell.d, cell.num_steps, "^", ms=7, mfc="none", color=colour)
    axis.plot(*zip(*means, strict=True) if means else ([], []), "o-", ms=5, color=colour, label=method)


def _draw_errors(axis: Any, rows: Sequence[Row], setting: Elman, method: str) -> None:
    d = setting.of(ADAM if method == WITH else method)[0].d
    cell = cell_of(setting.cells, method, d)
    curves = [history(rows, cell, seed, "test/accuracy") for seed in setting.seeds]
    mean = 1 - np.mean([[value for _, value in curve] for curve in curves], axis=0)
    label, colour, style = _LINES[method]
    axis.plot([step for step, _ in curves[0]], mean, style, lw=1.4, color=colour, label=label)


# --- claims -----------------------------------------------------------------------------------------------


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge what labels make learnable, at what cost, with which gradients; and Lemma 1."""
    setting = SETTINGS[scale]
    return [
        *(_learned(rows, setting, cell, scale) for cell in setting.of(WITH)),
        _gap(rows, setting, scale),
        _not_learned(rows, setting, scale),
        *(_learned(rows, setting, setting.of(method)[0], scale) for method in VARIANTS),
        lemma_1(rows, setting.cells, setting.seeds, scale),
    ]


def _learned(rows: Sequence[Row], setting: Elman, cell: Cell, scale: Scale) -> Claim:
    best = [max(v for _, v in history(rows, cell, s, "val/accuracy")) for s in setting.seeds]
    name = "algorithm 1" if cell.method == WITH else cell.method
    return judge(
        f"learned-{name}-{cell.d}-bits".lower().replace(",", "").replace(" ", "-"),
        f"With labels of the sub-tasks an Elman network learns {cell.d} bits by {name} (decoded validation "
        "accuracy, the best evaluation of the run; theorem 2 speaks of some iterate as well).",
        best,
        scale=scale,
        threshold=f"above {ALMOST_FLAWLESS} in every seed",
        holds=min(best) > ALMOST_FLAWLESS,
        paper_value=1,
    )


def _gap(rows: Sequence[Row], setting: Elman, scale: Scale) -> Claim:
    return gap_opens(
        rows,
        setting.of(WITH),
        setting.of(WITHOUT),
        setting.seeds,
        scale,
        _TIMES,
        "Without labels each bit more multiplies the updates by more (difference of the slopes of log2 "
        f"updates against bits, by seed; updates until {_TIMES} evaluations in a row are better than random; "
        "sizes that are learned, and the largest without labels with its length where it is not).",
        bounded=True,
    )


def _not_learned(rows: Sequence[Row], setting: Elman, scale: Scale) -> Claim:
    """At the largest size of both, plain training knows nothing when labels have solved it."""
    d = max({c.d for c in setting.of(WITH)} & {c.d for c in setting.of(WITHOUT)})
    return at_chance(
        "chance-without-labels",
        f"At the update where labels have solved {d} bits (95 %), training without them is at chance (test).",
        rows,
        cell_of(setting.cells, WITH, d),
        cell_of(setting.cells, WITHOUT, d),
        setting.seeds,
        scale,
    )
