"""Progressive distillation with hard labels beats one-shot distillation at either temperature (figure 25)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale
from lit_curriculum.papers.progressive.pcfg import HALF, HALF_SOFT, ONE_SHOT, ONE_SHOT_SOFT, SETTINGS
from lit_curriculum.papers.progressive.pcfg_students import (
    beats,
    compare,
    gains,
    over_horizons,
    variant_cases,
)
from lit_curriculum.papers.style import COLOURS, in_millions, panels
from lit_curriculum.runs.lab import Lab

METHODS = (ONE_SHOT, ONE_SHOT_SOFT, HALF, HALF_SOFT)


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "48 students, half of them other figures', and the search; about 10 minutes on two cores",
        "paper": "per seed 32 students of 2,000 to 16,000 steps, batch 512, and the search",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train students of two widths and every length at both temperatures."""
    setting = SETTINGS[scale]
    return compare(lab, [case for heads in setting.heads for case in variant_cases(setting, heads)], METHODS)


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw accuracy by length, a panel for each width."""
    setting = SETTINGS[scale]
    figure, axes = panels(len(setting.heads), width=4.2, height=3.4)
    for axis, heads in zip(axes, setting.heads, strict=True):
        for method in METHODS:
            colour = COLOURS["one-shot" if method in (ONE_SHOT, ONE_SHOT_SOFT) else "progressive"]
            soft = method in (ONE_SHOT_SOFT, HALF_SOFT)
            name = "one-shot" if method in (ONE_SHOT, ONE_SHOT_SOFT) else "progressive"
            label = f"{name}, tau = {'1' if soft else '1e-4'}"
            line = {"ls": "--" if soft else "-"}
            over_horizons(axis, rows, method, variant_cases(setting, heads), colour, label, **line)
        axis.set(
            title=f"{heads} heads" if heads > 1 else "1 head",
            xlabel="training steps",
            ylabel="test accuracy",
            xscale="log",
        )
        axis.set_xticks(setting.variant_horizons)
        axis.minorticks_off()
        in_millions(axis, max(setting.variant_horizons))
        axis.legend(fontsize=8)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge progressive distillation at tau = 1e-4 against one-shot at each temperature."""
    setting = SETTINGS[scale]
    return [
        beats(
            f"hard-over-one-shot-{name}-{heads}-heads-{case.num_steps}",
            f"{heads} heads, {case.num_steps:,} steps: progressive at tau = 1e-4 beats {method}.",
            gains(rows, HALF, method, case),
            scale,
            too_easy=case.too_easy,
        )
        for heads in setting.heads
        for case in variant_cases(setting, heads)
        for method, name in ((ONE_SHOT, "hard"), (ONE_SHOT_SOFT, "soft"))
    ]
