"""Two ways to spread a teacher's checkpoints over a student: equal split, and kappa (figure 24)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.progressive.pcfg import EQUAL_SPLIT, HALF, ONE_SHOT, SETTINGS, Pcfg
from lit_curriculum.papers.progressive.pcfg_students import (
    Case,
    beats,
    by_length,
    compare,
    gains,
    over_horizons,
    variant_cases,
)
from lit_curriculum.papers.style import COLOURS, in_millions, panels
from lit_curriculum.runs.lab import Lab

METHODS = (ONE_SHOT, EQUAL_SPLIT, HALF)
_COLOURS = {ONE_SHOT: COLOURS["one-shot"], EQUAL_SPLIT: COLOURS["two-shot"], HALF: COLOURS["progressive"]}


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "36 students, some of them fig1-right's, and the search; about 15 minutes on two cores",
        "paper": "per seed 24 students of 2,000 to 16,000 steps, batch 512, and the search",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train students of two widths and every length."""
    setting = SETTINGS[scale]
    cases = [case for heads in setting.heads for case in variant_cases(setting, heads)]
    return compare(lab, cases, METHODS)


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw, for each width, the accuracy by length and the gap to one-shot distillation."""
    setting = SETTINGS[scale]
    figure, axes = panels(2 * len(setting.heads), width=3.3, height=3.2)
    for i, heads in enumerate(setting.heads):
        cases = variant_cases(setting, heads)
        left, right = axes[2 * i], axes[2 * i + 1]
        for method in METHODS:
            over_horizons(left, rows, method, cases, _COLOURS[method], method)
            if method != ONE_SHOT:
                _gap(right, rows, method, cases)
        left.set(title=f"{heads} heads" if heads > 1 else "1 head", ylabel="test accuracy")
        right.set(title="gap to one-shot", ylabel="difference of accuracies")
        right.axhline(0, color="#555555", lw=0.8)
        for axis in (left, right):
            axis.set(xlabel="training steps", xscale="log")
            axis.set_xticks(setting.variant_horizons)
            axis.minorticks_off()
            in_millions(axis, max(setting.variant_horizons))
        left.legend(fontsize=7)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge both variants against one-shot at every length, and that the gap closes with length."""
    setting = SETTINGS[scale]
    made = []
    for heads in setting.heads:
        cases = variant_cases(setting, heads)
        for method, name in ((EQUAL_SPLIT, "equal-split"), (HALF, "kappa-half")):
            for case in cases:
                made.append(
                    beats(
                        f"{name}-{heads}-heads-{case.num_steps}",
                        f"{heads} heads: {method} beats one-shot after {case.num_steps:,} steps.",
                        gains(rows, method, ONE_SHOT, case),
                        scale,
                        too_easy=case.too_easy,
                    )
                )
            largest = [
                max(gains(rows, method, ONE_SHOT, case)[i] for case in cases[:-1]) for i in _seeds(setting)
            ]
            last = gains(rows, method, ONE_SHOT, cases[-1])
            closes = [a - b for a, b in zip(largest, last, strict=True)]
            made.append(
                judge(
                    f"{name}-{heads}-heads-gap-closes",
                    f"{heads} heads: the gap of {method} is smaller at the longest run than before.",
                    closes,
                    scale=scale,
                    threshold="largest earlier gap - last gap > 0 on average",
                    holds=statistics.fmean(closes) > 0,
                )
            )
    return made


def _gap(axis: Any, rows: Sequence[Row], method: str, cases: Sequence[Case]) -> None:
    by_length(axis, [gains(rows, method, ONE_SHOT, case) for case in cases], cases, _COLOURS[method], method)


def _seeds(setting: Pcfg) -> range:
    return range(len(setting.seeds))
