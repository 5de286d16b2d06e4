"""Progressive distillation helps a narrow BERT learn PCFG strings sooner (figure 1, right).

Every point is a run of its own: the cosine schedule of the rate depends on a run's length, so that students
are compared at several lengths, not along one run (D.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale
from lit_curriculum.papers.progressive.pcfg import ONE_SHOT, ONE_SHOT_SOFT, PLAIN, PROGRESSIVE, SETTINGS, Pcfg
from lit_curriculum.papers.progressive.pcfg_students import (
    TEACHER,
    Case,
    beats,
    better_one_shot,
    by_length,
    compare,
    finals,
    gains,
    label_trained,
    over_horizons,
)
from lit_curriculum.papers.style import COLOURS, LABELS, in_millions, panels
from lit_curriculum.runs.lab import Lab

METHODS = (PLAIN, ONE_SHOT, ONE_SHOT_SOFT, PROGRESSIVE)
# Test accuracies of 8-head students after 2, 4, 8 and 16 thousand steps, read off the published figure.
_PAPER = {
    PLAIN: (0.745, 0.866, 0.926, 0.927),
    ONE_SHOT: (0.768, 0.901, 0.928, 0.953),
    PROGRESSIVE: (0.803, 0.922, 0.958, 0.963),
}


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "teachers of three lengths and 36 students, a third of them fig4's; about 20 minutes",
        "paper": "per seed teachers of 2,000 to 16,000 steps and 16 students, batch 512, and the search",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train students of every length by every method, and models of the teacher's width."""
    setting = SETTINGS[scale]
    students = compare(lab, _cases(setting, setting.heads[0]), METHODS)
    return students + label_trained(lab, _cases(setting, setting.teacher_heads))


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw final accuracy against the length of the run."""
    setting = SETTINGS[scale]
    figure, (axis,) = panels(1, width=4.6, height=3.6)
    over_horizons(
        axis, rows, TEACHER, _cases(setting, setting.teacher_heads), COLOURS["teacher"], "teacher's width"
    )
    cases = _cases(setting, setting.heads[0])
    over_horizons(axis, rows, PROGRESSIVE, cases, COLOURS["progressive"], LABELS["progressive"])
    best = [finals(rows, better_one_shot(rows, case), case) for case in cases]
    by_length(axis, best, cases, COLOURS["one-shot"], LABELS["one-shot"])
    over_horizons(axis, rows, PLAIN, cases, COLOURS["plain"], LABELS["plain"])
    axis.set(
        title=f"PCFG: {setting.teacher_heads} → {setting.heads[0]} heads",
        xlabel="training steps",
        ylabel="test accuracy",
        xscale="log",
    )
    axis.set_xticks(setting.horizons)
    axis.minorticks_off()
    in_millions(axis, max(setting.horizons))
    axis.legend(fontsize=8)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge, at every length, progressive against one-shot, and one-shot against labels."""
    setting = SETTINGS[scale]
    made = []
    for i, case in enumerate(_cases(setting, setting.heads[0])):
        one_shot = better_one_shot(rows, case)
        values = {name: _PAPER[name][i] if i < 4 else None for name in _PAPER}
        made += [
            beats(
                f"progressive-over-one-shot-{case.num_steps}",
                f"Progressive distillation beats one-shot (better tau) after {case.num_steps:,} steps.",
                gains(rows, PROGRESSIVE, one_shot, case),
                scale,
                _difference(values[PROGRESSIVE], values[ONE_SHOT]),
                case.too_easy,
            ),
            beats(
                f"progressive-over-plain-{case.num_steps}",
                f"Progressive distillation beats training with labels after {case.num_steps:,} steps.",
                gains(rows, PROGRESSIVE, PLAIN, case),
                scale,
                _difference(values[PROGRESSIVE], values[PLAIN]),
                case.too_easy,
            ),
            beats(
                f"one-shot-over-plain-{case.num_steps}",
                f"One-shot distillation (better tau) beats labels after {case.num_steps:,} steps.",
                gains(rows, one_shot, PLAIN, case),
                scale,
                _difference(values[ONE_SHOT], values[PLAIN]),
                case.too_easy,
            ),
        ]
    return made


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else round(a - b, 3)


def _cases(setting: Pcfg, heads: int) -> list[Case]:
    return [Case(setting, heads, num_steps) for num_steps in setting.horizons]
