"""Steps until bit-subset parity is learned, with and without labels of its sub-tasks (figure 3)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale
from lit_curriculum.papers.style import panels
from lit_curriculum.papers.subtask.claims import gap_opens, slope
from lit_curriculum.papers.subtask.parity import (
    SETTINGS,
    WITH,
    WITHOUT,
    Subsets,
    better_steps,
    measure_cells,
)
from lit_curriculum.papers.subtask.published import ITERATIONS
from lit_curriculum.runs.lab import Lab

_TIMES = 3
_COLOURS = {WITH: "#c8442b", WITHOUT: "#4b9b5b"}


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "the runs of subtask-table1",
        "paper": "the runs of subtask-table1",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train every entry of Table 1."""
    setting = SETTINGS[scale]
    return measure_cells(lab, setting, setting.cells)


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw steps against bits: mean over seeds with each seed, arrows where a run never learns."""
    setting = SETTINGS[scale]
    figure, (axis,) = panels(1, width=5.0, height=3.8)
    for method, colour in _COLOURS.items():
        means = []
        for cell in setting.of(method):
            steps = better_steps(rows, cell, setting.seeds)
            reached = [step for step in steps if math.isfinite(step)]
            axis.plot([cell.d] * len(reached), reached, ".", ms=5, color=colour, alpha=0.6)
            if len(reached) == len(steps):
                means.append((cell.d, statistics.fmean(reached)))
            else:
                axis.plot(cell.d, cell.num_steps, "^", ms=7, mfc="none", color=colour)
        axis.plot(*zip(*means, strict=True) if means else ([], []), "o-", ms=5, color=colour, label=method)
        sizes = [d for name, d in ITERATIONS if name == method]
        published = [ITERATIONS[method, d][0] for d in sizes]
        axis.plot(sizes, published, "s--", ms=5, mfc="none", lw=0.8, color=colour, label=f"{method}, paper")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="bits",
        ylabel="steps until better than random",
        title="triangles: not within the run",
    )
    axis.set_xticks([8, 16, 32, 64, 128], ["8", "16", "32", "64", "128"])
    axis.minorticks_off()
    axis.legend(fontsize=8)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge that without labels the steps grow faster with the number of bits."""
    setting = SETTINGS[scale]
    claim = gap_opens(
        rows,
        setting.of(WITH),
        setting.of(WITHOUT),
        setting.seeds,
        scale,
        _TIMES,
        "Without labels each bit more multiplies the steps by more (difference of the slopes of log2 "
        "steps against bits, by seed; steps until three evaluations in a row are better than random).",
        round(_published_growth(WITHOUT) - _published_growth(WITH), 2),
    )
    return [replace(claim, note=_left_out(rows, setting))]


def _left_out(rows: Sequence[Row], setting: Subsets) -> str:
    """Name the entries that some seed does not learn and that its slope therefore lacks."""
    told = []
    for cell in setting.cells:
        lost = sum(map(math.isinf, better_steps(rows, cell, setting.seeds, _TIMES)))
        if lost:
            told.append(f"{cell.d} bits {cell.method} in {lost} of {len(setting.seeds)} seeds")
    return f"censored, so left out of the slopes: {', '.join(told)}" if told else ""


def _published_growth(method: str) -> float:
    return slope({d: mean for (name, d), (mean, _) in ITERATIONS.items() if name == method})
