"""Wider BERTs learn PCFG strings in fewer steps (figure 23)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.progressive.pcfg import SETTINGS, Pcfg
from lit_curriculum.papers.progressive.pcfg_students import TEACHER, Case, curves, finals, label_trained
from lit_curriculum.papers.style import curve, in_millions, panels
from lit_curriculum.runs.lab import Lab

# Each curve is marked where it first reaches this share of its final accuracy.
REACHED = 0.8


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "9 models beside the teachers of fig4, about 9 minutes on two cores",
        "paper": "per seed models of 8 and 16 heads, 8,000 steps, beside the teacher of fig4",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train models of several widths with labels, all at the teacher's rate and for its length."""
    return label_trained(lab, _cases(SETTINGS[scale]))


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw loss and accuracy against the steps on a log scale."""
    cases = _cases(SETTINGS[scale])
    figure, (left, right) = panels(2, width=4.2, height=3.4)
    for i, case in enumerate(cases):
        colour = f"C{i}"
        curve(left, _trained(rows, "loss", case), colour, f"{case.heads} heads")
        curve(right, _trained(rows, "accuracy", case), colour, f"{case.heads} heads")
        step = sum(reached(rows, case)) / len(case.setting.seeds)
        final = sum(finals(rows, TEACHER, case)) / len(case.setting.seeds)
        right.plot(step, REACHED * final, marker="o", color=colour, ms=6, mec="black", mew=0.6)
    left.set(title="loss", ylabel="validation loss")
    right.set(title=f"accuracy (dots: {REACHED:.0%} of the last)", ylabel="test accuracy")
    for axis in (left, right):
        axis.set(xlabel="training steps", xscale="log")
        in_millions(axis, cases[0].num_steps)
        axis.legend(fontsize=8)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge that each wider model ends better and gets there sooner, over the whole range of widths."""
    cases = _cases(SETTINGS[scale])
    made = []
    for narrow, wide in pairwise(cases):
        pairs = zip(finals(rows, TEACHER, wide), finals(rows, TEACHER, narrow), strict=True)
        higher = [a - b for a, b in pairs]
        made.append(
            judge(
                f"{wide.heads}-over-{narrow.heads}",
                f"{wide.heads} heads end at a higher accuracy than {narrow.heads}.",
                higher,
                scale=scale,
                threshold="> 0 in every seed",
                holds=min(higher) > 0,
            )
        )
        made.append(
            judge(
                f"{wide.heads}-sooner-than-{narrow.heads}",
                f"{wide.heads} heads reach the last accuracy of {narrow.heads} early (share of the steps).",
                _share_of_steps(rows, wide, narrow),
                scale=scale,
                threshold="<= 0.75 in every seed",
                holds=max(_share_of_steps(rows, wide, narrow)) <= 0.75,
            )
        )
    return made


def reached(rows: Sequence[Row], case: Case) -> list[float]:
    """Return, for each seed, the first step at which `REACHED` of the final accuracy is reached."""
    return [
        next(step for step, value in one if value >= REACHED * one[-1][1])
        for one in curves(rows, TEACHER, "accuracy", case)
    ]


def _share_of_steps(rows: Sequence[Row], wide: Case, narrow: Case) -> list[float]:
    """Return each seed's first step at which the wide model is where the narrow one ends, over T0; or 1."""
    pairs = zip(curves(rows, TEACHER, "accuracy", wide), finals(rows, TEACHER, narrow), strict=True)
    return [
        min((step for step, value in one if value >= level), default=one[-1][0]) / one[-1][0]
        for one, level in pairs
    ]


def _trained(rows: Sequence[Row], quantity: str, case: Case) -> list[list[tuple[float, float]]]:
    """Return curves without step 0, which has no place on a log scale."""
    return [[(s, v) for s, v in one if s > 0] for one in curves(rows, TEACHER, quantity, case)]


def _cases(setting: Pcfg) -> list[Case]:
    return [Case(setting, heads, setting.T0) for heads in (*setting.widths, setting.teacher_heads)]
