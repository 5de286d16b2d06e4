"""What progressive distillation gains on grammars of different difficulty (figure 27)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale
from lit_curriculum.papers.progressive.pcfg import HALF, ONE_SHOT, SETTINGS, Pcfg
from lit_curriculum.papers.progressive.pcfg_students import (
    Case,
    beats,
    compare,
    gains,
    gap_bars,
    variant_cases,
)
from lit_curriculum.papers.style import panels
from lit_curriculum.runs.lab import Lab

# The paper's 32-head teacher does not learn cfg3g and cfg3f, so neither has it students on them.
GRAMMARS = ("cfg3b", "cfg3h", "cfg3i")
METHODS = (ONE_SHOT, HALF)


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "6 teachers and 48 students beside those of fig24, about 23 minutes on two cores",
        "paper": "per seed two more teachers and 32 more students, batch 512",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train teachers of every grammar, and students of two widths and every length."""
    setting = SETTINGS[scale]
    cases = [
        case for grammar in GRAMMARS for heads in setting.heads for case in _cases(setting, grammar, heads)
    ]
    return compare(lab, cases, METHODS)


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw the relative gap between the two methods, a panel for each width."""
    setting = SETTINGS[scale]
    figure, axes = panels(len(setting.heads), width=4.6, height=3.4)
    for axis, heads in zip(axes, setting.heads, strict=True):
        variants = {grammar: _cases(setting, grammar, heads) for grammar in GRAMMARS}
        gap_bars(axis, rows, variants, ["#c8442b", "#e08b2d", "#4b9b5b"])
        axis.set_title(f"progressive over one-shot, {heads} head{'s' if heads > 1 else ''}")
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge, for each grammar and width, that progressive distillation wins at the shortest length."""
    setting = SETTINGS[scale]
    return [
        beats(
            f"{grammar}-{heads}-heads-{case.num_steps}",
            f"{grammar}, {heads} heads: progressive beats one-shot after {case.num_steps:,} steps.",
            gains(rows, HALF, ONE_SHOT, case),
            scale,
            too_easy=case.too_easy,
        )
        for grammar in GRAMMARS
        for heads in setting.heads
        for case in _cases(setting, grammar, heads)
    ]


def _cases(setting: Pcfg, grammar: str, heads: int) -> list[Case]:
    return variant_cases(replace(setting, grammar=grammar), heads)
