"""What a PCFG-BERT teacher's checkpoints know: longer contexts, and non-terminals (figure 22).

Left: M_close over training. Right: a probe for the non-terminals above each token, on the teacher's
checkpoints, the untrained network included, which shows what the probe learns by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.progressive.fig4 import choices
from lit_curriculum.papers.progressive.pcfg import SETTINGS, Pcfg
from lit_curriculum.papers.progressive.pcfg_students import TEACHER, Case, curves, label_trained
from lit_curriculum.papers.style import NGRAM_COLOURS, curve, in_millions, panels
from lit_curriculum.runs.lab import Lab

# Of the probe's final accuracy (the paper's words).
ALMOST = 0.95


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "nothing beyond the teachers of fig4",
        "paper": "nothing beyond the teachers of fig4",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train the teachers, which are probed on their way."""
    return label_trained(lab, [_case(SETTINGS[scale])])


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw M_close and the probe's accuracy over the teacher's training."""
    setting = SETTINGS[scale]
    case = _case(setting)
    figure, (left, right) = panels(2, width=4.4, height=3.4)
    for n, colour in NGRAM_COLOURS.items():
        curve(left, curves(rows, TEACHER, f"close_{n}", case), colour, f"n = {n}")
    for i, depth in enumerate(_depths(rows)):
        found = curves(rows, TEACHER, f"nonterminal_{depth}", case)
        curve(right, found, f"C{i}", f"depth {depth}", marker="o", ms=3)
        chance = curves(rows, TEACHER, f"chance_{depth}", case)[0][0][1]
        right.axhline(chance, color=f"C{i}", ls=":", lw=1)
    chosen = choices(rows, setting)[0]
    for step, line, name in ((chosen.by_loss, "--", "loss"), (chosen.by_peak, ":", "$M_{robust}(3)$")):
        if step is not None:
            for axis in (left, right):
                label = f"chosen by {name}" if axis is left else None
                axis.axvline(step, color="#555555", ls=line, lw=1.2, label=label)
    left.set(title="teacher: full against n tokens alone", ylabel="median $M_{close}$")
    right.set(title="non-terminals (dotted: a constant answer)", ylabel="probe accuracy")
    for axis in (left, right):
        axis.set_xlabel("training steps")
        in_millions(axis, setting.T0)
    left.set_ylim(top=1.35 * left.get_ylim()[1])  # room for the legend
    left.legend(fontsize=7, ncols=2, loc="upper center")
    right.legend(fontsize=7)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge the end of M_close's rise, its order in n, and when the probe is almost done."""
    setting = SETTINGS[scale]
    case = _case(setting)
    peaks = [choice.by_peak or setting.T0 for choice in choices(rows, setting)]
    ordered, falls = [], []
    for short, long in zip(_close(rows, 3, case), _close(rows, 9, case), strict=True):
        ordered.append(short[-1][1] - long[-1][1])
        falls.append(max(value for _, value in long) - long[-1][1])
    return [
        judge(
            "longer-is-closer",
            "At the end 9 tokens give a prediction nearer to the full one than 3 (difference of M_close).",
            ordered,
            scale=scale,
            threshold="> 0 in every seed",
            holds=min(ordered) > 0,
        ),
        judge(
            "close-falls",
            "M_close for n = 9 falls again after its peak.",
            falls,
            scale=scale,
            threshold="> 0.02 in every seed",
            holds=min(falls) > 0.02,
            paper_value="drops rapidly after the inflection",
        ),
        *_probe_claims(rows, scale, case, peaks),
    ]


def _probe_claims(rows: Sequence[Row], scale: Scale, case: Case, peaks: Sequence[int]) -> list[Claim]:
    made = []
    for depth in _depths(rows):
        shares = []
        for one, peak in zip(curves(rows, TEACHER, f"nonterminal_{depth}", case), peaks, strict=True):
            at = min((point for point in one if point[0] > 0), key=lambda point: abs(point[0] - peak))
            shares.append(at[1] / one[-1][1])
        made.append(
            judge(
                f"nonterminals-by-inflection-{depth}",
                f"At the inflection the probe for depth {depth} is almost as good as at the end (ratio).",
                shares,
                scale=scale,
                threshold=f">= {ALMOST} in every seed",
                holds=min(shares) >= ALMOST,
                paper_value="> 0.95",
            )
        )
    return made


def _close(rows: Sequence[Row], n: int, case: Case) -> list[list[tuple[float, float]]]:
    return curves(rows, TEACHER, f"close_{n}", case)


def _depths(rows: Sequence[Row]) -> list[int]:
    names = {str(r["quantity"]) for r in rows}
    return sorted(int(name.rsplit("_", 1)[1]) for name in names if name.startswith("nonterminal_"))


def _case(setting: Pcfg) -> Case:
    return Case(setting, setting.teacher_heads, setting.T0)
