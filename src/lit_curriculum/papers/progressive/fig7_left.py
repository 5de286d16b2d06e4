"""Wider networks learn sparse parity in fewer samples (figure 7, left)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge, require_seeds
from lit_curriculum.papers.progressive import parity
from lit_curriculum.papers.progressive.parity import Widths
from lit_curriculum.papers.style import curve, in_millions, panels
from lit_curriculum.papers.tuning import choose_rates
from lit_curriculum.runs.lab import Lab

SETTINGS: dict[Scale, Widths] = parity.SETTINGS_FIG7

SOLVED = 0.99


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "about 3 minutes on two cores",
        "paper": "per seed one network of each width (100, 1,000, 50,000), 20M samples each, and the search",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train networks of every width with labels, each at the best rate of the same grid."""
    setting = SETTINGS[scale]
    methods = {
        str(width): setting.parity.with_width(width).methods({str(width): None})[str(width)]
        for width in setting.widths
    }
    rates = choose_rates(lab, methods, setting.parity.rates, setting.parity.tuning_seeds)
    runs = {
        (width, seed): setting.parity.with_width(width).student(rates[str(width)], seed)
        for width in setting.widths
        for seed in setting.seeds
    }
    rows: list[Row] = []
    for (width, seed), run in zip(runs, lab.fit(list(runs.values())), strict=True):
        rows += parity.accuracy_rows(str(width), seed, rates[str(width)], run)
    # As read back from the file, a width is a number.
    return [{**row, "method": int(row["method"])} for row in rows]


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw accuracy against samples, a line a width."""
    import matplotlib

    setting = SETTINGS[scale]
    figure, (axis,) = panels(1, width=5.0, height=3.5)
    shades = matplotlib.colormaps["viridis"]
    for i, width in enumerate(setting.widths):
        colour = shades(0.85 * (1 - i / max(1, len(setting.widths) - 1)))
        curve(axis, parity.curves(rows, width), colour, f"width {width:,}")
    task = setting.parity
    axis.set(
        xlabel="training samples",
        ylabel="test accuracy",
        title=f"({task.d}, {task.k})-sparse parity, labels only",
        ylim=(0.45, 1.03),
    )
    in_millions(axis, task.student_steps)
    figure.legend(fontsize=8, loc="outside lower center", ncols=3, frameon=False)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge the ordering of the widths, paired by seed."""
    setting = SETTINGS[scale]
    require_seeds(rows, setting.widths, setting.seeds)
    longer = setting.parity.student_steps * 2.0  # a width that never solves it counts as twice the run
    steps = {
        width: [min(s, longer) for s in parity.steps_to(rows, width, SOLVED)] for width in setting.widths
    }
    result = []
    for narrow, wide in zip(setting.widths, setting.widths[1:], strict=False):
        gains = [a / b for a, b in zip(steps[narrow], steps[wide], strict=True)]
        result.append(
            judge(
                f"{wide}-before-{narrow}",
                f"Width {wide:,} reaches {SOLVED} in fewer samples than {narrow:,} (ratio narrow / wide).",
                gains,
                scale=scale,
                threshold="mean ratio > 1 and > 1 in more than half of the seeds",
                holds=sum(gains) / len(gains) > 1 and sum(g > 1 for g in gains) > len(gains) / 2,
            )
        )
    widest = steps[setting.widths[-1]]
    result.append(
        judge(
            "widest-solves",
            "The widest network solves the task.",
            widest,
            scale=scale,
            threshold=f"reaches {SOLVED} within {setting.parity.student_steps:,} samples in every seed",
            holds=max(widest) <= setting.parity.student_steps,
        )
    )
    return result
