"""Progressive distillation gives a narrow BERT longer contexts and better non-terminals (figure 5).

Left: M_close, how far a prediction from n tokens alone is from the full one. Middle: M_robust, how much a
prediction changes when n tokens are hidden. Right: a probe for the non-terminals above each token.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, excused, judge
from lit_curriculum.papers.progressive.pcfg import ONE_SHOT, ONE_SHOT_SOFT, PLAIN, PROGRESSIVE, SETTINGS, Pcfg
from lit_curriculum.papers.progressive.pcfg_students import (
    BETTER,
    Case,
    bars,
    better_one_shot,
    compare,
    curves,
    finals,
    gains,
    is_better,
)
from lit_curriculum.papers.style import COLOURS, LABELS, panels
from lit_curriculum.runs.lab import Lab

NS = (3, 5, 7, 9)
STILL_RISING = (
    "M_robust rises before it falls (figure 4). Students of one head end on the rising side: on the plateau "
    "they hardly depend on their neighbours, off it they do. Students past the peak would be needed; at "
    "laptop scale those show no difference between the methods."
)
METHODS = (PLAIN, ONE_SHOT, ONE_SHOT_SOFT, PROGRESSIVE)


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "nothing beyond fig4 and fig1-right, whose students of the middle length it shows",
        "paper": "nothing beyond fig1-right",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train the students, which are probed at their end."""
    return compare(lab, [_case(SETTINGS[scale])], METHODS)


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw both measures against n, and the probe against the depth."""
    setting = SETTINGS[scale]
    case = _case(setting)
    figure, (left, middle, right) = panels(3, width=3.8, height=3.3)
    shown = _shown(rows, case)
    for axis, quantity in ((left, "close"), (middle, "robust")):
        groups = [f"n = {n}" for n in NS]
        series = {
            LABELS[name]: [finals(rows, method, case, f"{quantity}_{n}") for n in NS]
            for name, method in shown.items()
        }
        bars(axis, groups, series, [COLOURS[name] for name in shown])
    depths = _depths(rows)
    series = {
        LABELS[name]: [finals(rows, method, case, f"nonterminal_{d}") for d in depths]
        for name, method in shown.items()
    }
    bars(right, [f"depth {d}" for d in depths], series, [COLOURS[name] for name in shown])
    for i, depth in enumerate(depths):
        for quantity, line, name in (
            (f"nonterminal_{depth}", "--", "untrained"),
            (f"chance_{depth}", ":", "constant answer"),
        ):
            level = statistics.fmean(one[0][1] for one in curves(rows, PLAIN, quantity, case))
            label = name if i == 0 else None
            right.plot((i - 0.45, i + 0.45), (level, level), color="#555555", ls=line, lw=1, label=label)
    left.set(title="full against n tokens alone", ylabel="median $M_{close}$")
    middle.set(title="full against n tokens hidden", ylabel="median $M_{robust}$")
    right.set(title="non-terminals", ylabel="probe accuracy")
    low = min(r["value"] for r in rows if str(r["quantity"]).startswith(("nonterminal", "chance")))
    right.set_ylim(max(0.0, low - 0.05), 1.0)
    left.legend(fontsize=7)
    right.legend(fontsize=6, loc="lower right")
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge the three measures against one-shot, the better of its two temperatures."""
    case = _case(SETTINGS[scale])
    one_shot = better_one_shot(rows, case)
    made = []
    for n in NS:
        claim = _lower(
            f"robust-{n}",
            f"M_robust for n = {n} is lower after progressive than after one-shot distillation.",
            gains(rows, one_shot, PROGRESSIVE, case, f"robust_{n}"),
            scale,
        )
        made.append(excused(claim, scale, STILL_RISING))
    longest = NS[-1]
    made.append(
        _lower(
            f"close-{longest}",
            f"M_close for the longest context, n = {longest}, is lower.",
            gains(rows, one_shot, PROGRESSIVE, case, f"close_{longest}"),
            scale,
        )
    )
    for depth in _depths(rows):
        better = gains(rows, PROGRESSIVE, one_shot, case, f"nonterminal_{depth}")
        made.append(
            _lower(
                f"nonterminals-{depth}",
                f"The probe tells non-terminals at depth {depth} better.",
                better,
                scale,
            )
        )
    return made


def _lower(id: str, statement: str, gains: Sequence[float], scale: Scale) -> Claim:
    return judge(id, statement, gains, scale=scale, threshold=BETTER, holds=is_better(gains))


def _shown(rows: Sequence[Row], case: Case) -> dict[str, str]:
    return {"plain": PLAIN, "one-shot": better_one_shot(rows, case), "progressive": PROGRESSIVE}


def _depths(rows: Sequence[Row]) -> list[int]:
    names = {str(r["quantity"]) for r in rows}
    return sorted(int(name.rsplit("_", 1)[1]) for name in names if name.startswith("nonterminal_"))


def _case(setting: Pcfg) -> Case:
    return Case(setting, setting.heads[0], setting.student_steps)
