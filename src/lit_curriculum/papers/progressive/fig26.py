"""Progressive distillation beats one-shot distillation at every mask rate (figure 26).

The paper's text does not name its mask rates. These are half of the main text's 0.3, which is BERT's own,
0.3 itself, and 0.45.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.progressive.pcfg import HALF, ONE_SHOT, SETTINGS, Pcfg
from lit_curriculum.papers.progressive.pcfg_students import (
    Case,
    beats,
    compare,
    gains,
    gap_bars,
    relative_gains,
    variant_cases,
)
from lit_curriculum.papers.style import panels
from lit_curriculum.runs.lab import Lab

MASK_RATES = (0.15, 0.3, 0.45)
METHODS = (ONE_SHOT, HALF)


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "6 teachers and 24 students beside those of fig24, about 16 minutes on two cores",
        "paper": "per seed two more teachers and 16 more students, batch 512",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train teachers at every mask rate, and narrow students of every length."""
    cases = [case for mask_rate in MASK_RATES for case in _cases(SETTINGS[scale], mask_rate)]
    return compare(lab, _main_first(cases), METHODS)


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw the relative gap between the two methods."""
    setting = SETTINGS[scale]
    figure, (axis,) = panels(1, width=5.2, height=3.4)
    variants = {f"mask rate {rate:g}": _cases(setting, rate) for rate in MASK_RATES}
    gap_bars(axis, rows, variants, ["#9ecae1", "#4292c6", "#084594"])
    axis.set_title(f"progressive over one-shot, {setting.heads[0]}-head student")
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge the gap at every mask rate and length, and that it closes with length."""
    setting = SETTINGS[scale]
    made = []
    for mask_rate in MASK_RATES:
        cases = _cases(setting, mask_rate)
        name = f"mask-{mask_rate:g}".replace(".", "-")
        made += [
            beats(
                f"{name}-{case.num_steps}",
                f"Mask rate {mask_rate:g}: progressive beats one-shot after {case.num_steps:,} steps.",
                gains(rows, HALF, ONE_SHOT, case),
                scale,
                too_easy=case.too_easy,
            )
            for case in cases
        ]
        gaps = [statistics.fmean(relative_gains(rows, HALF, ONE_SHOT, case)) for case in cases]
        made.append(
            judge(
                f"{name}-gap-closes",
                f"Mask rate {mask_rate:g}: the relative gap is largest before the longest run.",
                [max(gaps[:-1]) - gaps[-1]],
                scale=scale,
                threshold="> 0 for the mean over seeds",
                holds=max(gaps[:-1]) > gaps[-1],
            )
        )
    return made


def _main_first(cases: Sequence[Case]) -> list[Case]:
    """Rates are chosen in the first case's setting, which is to be the main one."""
    return sorted(cases, key=lambda case: not case.setting.is_main)


def _cases(setting: Pcfg, mask_rate: float) -> list[Case]:
    return variant_cases(replace(setting, mask_rate=mask_rate), setting.heads[0])
