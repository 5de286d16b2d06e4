"""A typical trajectory: soon after it is better than random, a model is almost flawless (figure 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.style import in_millions, panels
from lit_curriculum.papers.subtask.parity import (
    ALMOST_FLAWLESS,
    BETTER,
    SETTINGS,
    first_above,
    history,
    measure_cells,
)
from lit_curriculum.runs.lab import Lab


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "3 runs of 1,000 steps, those of subtask-table1; a minute",
        "paper": "3 runs of 100,000 steps, those of subtask-table1, and their search",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train the typical entry of Table 1."""
    setting = SETTINGS[scale]
    return measure_cells(lab, setting, [setting.typical])


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw decoded and teacher-forced accuracy of the answer, and the two levels."""
    setting = SETTINGS[scale]
    figure, (axis,) = panels(1, width=5.0, height=3.6)
    for i, seed in enumerate(setting.seeds):
        for quantity, style, label in (
            ("val/accuracy", "-", "validation"),
            ("test/accuracy", "--", "test"),
            ("test/forced_accuracy", ":", "test, reading the true labels"),
        ):
            curve = history(rows, setting.typical, seed, quantity)
            name = label if i == 0 else None
            axis.plot(*zip(*curve, strict=True), style, lw=1.4, color=f"C{i}", label=name)
    for level in (BETTER, ALMOST_FLAWLESS):
        axis.axhline(level, color="#555555", lw=0.7)
    axis.set(
        xlabel="steps",
        ylabel="accuracy of the answer, decoded",
        title=f"{setting.typical.d} bits, {setting.typical.method}; one colour a seed",
        ylim=(0.3, 1.03),
    )
    in_millions(axis, setting.typical.num_steps)
    axis.legend(fontsize=8)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge how short the way from better than random to almost flawless is."""
    setting = SETTINGS[scale]
    shares = []
    for seed in setting.seeds:
        curve = history(rows, setting.typical, seed, "val/accuracy")
        better, flawless = (first_above(curve, level) for level in (BETTER, ALMOST_FLAWLESS))
        if math.isfinite(flawless) and better > 0:
            shares.append((flawless - better) / better)
    return [
        judge(
            "grokking",
            "From 60 % to 95 % takes few steps beside those that led to 60 % (ratio, one value a seed).",
            shares,
            scale=scale,
            threshold="at most 0.5 in every seed",
            holds=len(shares) == len(setting.seeds) and max(shares) <= 0.5,
        )
    ]
