"""Hierarchical parity: progressive distillation against one-shot distillation, two widths (figure 15)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge, require_seeds
from lit_curriculum.papers.progressive import hierarchical, ways
from lit_curriculum.papers.progressive.hierarchical import Tree
from lit_curriculum.papers.progressive.parity import curves
from lit_curriculum.papers.progressive.ways import SHORT, SOLVED, WAY_COLOURS, WAY_LABELS
from lit_curriculum.papers.style import curve, in_millions, panels
from lit_curriculum.runs.lab import Lab

SETTINGS: dict[Scale, Tree] = hierarchical.NARROW

WAYS = ("teacher", "both", "one-shot", "plain")


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "about 9 minutes on two cores, or nothing after figures 18 and 19, whose runs it shows",
        "paper": "the runs of figures 18 and 19",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Return the rows of figures 18 and 19 by width; a student's method is ``<way> <width>``."""
    rows: list[Row] = []
    for tree in _trees(scale):
        for row in ways.compare(lab, tree):
            if row["method"] in WAYS:
                rows.append({**row, "method": f"{row['method']} {tree.student_width}"})
    return rows


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw accuracy against samples, a panel a width."""
    figure, axes = panels(2, width=4.6, height=3.6)
    for axis, tree in zip(axes, _trees(scale), strict=True):
        for name in WAYS:
            dashes = "--" if name in ("teacher", "plain") else "-"
            points = curves(rows, f"{name} {tree.student_width}")
            curve(axis, points, WAY_COLOURS[name], WAY_LABELS[name], ls=dashes)
        axis.set(xlabel="training samples", title=f"width {tree.student_width:,}", ylabel="test accuracy")
        in_millions(axis, tree.num_steps)
        axis.legend(fontsize=7)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge two checkpoints against the finished teacher, for each width."""
    result = []
    for tree in _trees(scale):
        width = tree.student_width
        require_seeds(rows, [f"{name} {width}" for name in WAYS], tree.seeds)
        both, shot = (ways.finals(rows, f"{name} {width}") for name in ("both", "one-shot"))
        gaps = [ours - theirs for ours, theirs in zip(both, shot, strict=True)]
        result += [
            judge(
                f"progressive-solves-{width}",
                f"Two checkpoints, then the final one, teach a student of width {width:,} the tree.",
                both,
                scale=scale,
                threshold=f">= {SOLVED} in every seed",
                holds=min(both) >= SOLVED,
                paper_value=1.0,
            ),
            judge(
                f"before-one-shot-{width}",
                f"At equal samples it is ahead of one-shot distillation, width {width:,}.",
                gaps,
                scale=scale,
                threshold=f">= {SHORT} in every seed",
                holds=min(gaps) >= SHORT,
                paper_value="> 0",
            ),
        ]
    return result


def _trees(scale: Scale) -> tuple[Tree, Tree]:
    return hierarchical.NARROW[scale], hierarchical.WIDE[scale]
