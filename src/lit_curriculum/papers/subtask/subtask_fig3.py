"""Steps until bit-subset parity is learned, with and without labels of its sub-tasks (figure 3)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.subtask._parity import (
    COLOURS,
    better_steps,
    entries,
    gap_opens,
    length,
    published_growth,
    table_1,
)
from lit_curriculum.papers.subtask._published import ITERATIONS, WITH, WITHOUT
from lit_curriculum.papers.subtask._table import label_bits
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import legend, panels
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Study


def figure(scale: Scale) -> Figure:
    """Return steps against bits."""
    studies = table_1(scale)
    return Figure(
        cost="seconds" if scale == "smoke" else "the runs of subtask-table1",
        studies=studies,
        draw=lambda results: _draw(results, studies),
        claims=lambda results: [_claim(studies)],
    )


def _draw(results: Results, studies: Sequence[Study]) -> Any:
    picture, (axis,) = panels(1, width=5.0, height=3.8)
    for arm, colour in COLOURS.items():
        draw_steps(axis, results, entries(studies, arm), colour, arm, times=1)
        sizes = [d for name, d in ITERATIONS if name == arm]
        published = [ITERATIONS[arm, d][0] for d in sizes]
        axis.plot(sizes, published, "s--", ms=5, mfc="none", lw=0.8, color=colour, label=f"{arm}, paper")
    title = "triangles: not within the run"
    axis.set(xscale="log", yscale="log", ylabel="steps until better than random", title=title)
    label_bits(axis)
    legend(axis)
    return picture


def draw_steps(
    axis: Any, results: Results, studies: Sequence[Study], colour: str, label: str, times: int
) -> None:
    """Draw steps against bits: mean over seeds with each seed, triangles where a run never learns."""
    means = []
    for study in studies:
        steps = better_steps(results, study, times).values()
        reached = [step for step in steps if math.isfinite(step)]
        axis.plot([study.axes["d"]] * len(reached), reached, ".", ms=5, color=colour, alpha=0.6)
        if len(reached) == len(steps):
            means.append((study.axes["d"], statistics.fmean(reached)))
        else:
            axis.plot(study.axes["d"], length(study), "^", ms=7, mfc="none", color=colour)
    axis.plot(*zip(*means, strict=True) if means else ([], []), "o-", ms=5, color=colour, label=label)


def _claim(studies: Sequence[Study]) -> Claim:
    """Judge that without labels the steps grow faster with the number of bits."""
    sizes = [study.axes["d"] for study in studies]
    growth = published_growth(WITHOUT, sizes) - published_growth(WITH, sizes)

    def left_out(results: Results) -> str:
        """Name the entries that some seed does not learn and that its slope therefore lacks."""
        told = []
        for study in studies:
            steps = better_steps(results, study)
            if lost := sum(map(math.isinf, steps.values())):
                told.append(f"{study.axes['d']} bits {study.arms[0].name} in {lost} of {len(steps)} seeds")
        return f"censored, so left out of the slopes: {', '.join(told)}" if told else ""

    return gap_opens(
        entries(studies, WITH),
        entries(studies, WITHOUT),
        "Without labels each bit more multiplies the steps by more (difference of the slopes of log2 steps "
        "against bits, by seed; steps until three evaluations in a row are better than random).",
        # On the sizes that both have; on all of its own the paper's is 1.24.
        paper=round(growth, 2) if math.isfinite(growth) else None,
        note=left_out,
    )
