"""Hierarchical parity: the correlations of different levels spike at different steps (figure 17).

The probability of the leftmost class is correlated with monomials of the variables of each node on its path,
and with monomials of irrelevant variables. Each level has its own time: one checkpoint cannot show them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge, require_seeds
from lit_curriculum.papers.progressive import hierarchical
from lit_curriculum.papers.progressive.hierarchical import Tree
from lit_curriculum.papers.progressive.parity import curves
from lit_curriculum.papers.style import COLOURS, curve, in_millions, panels
from lit_curriculum.runs.lab import Lab

SETTINGS: dict[Scale, Tree] = hierarchical.WIDE

GAP = 3.0


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "about 4 minutes, or nothing after figure 18 or 19, whose teachers it shows",
        "paper": "the teachers of figure 18",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train teachers and return the mean correlation of every group, by degree and level."""
    tree = SETTINGS[scale]
    # The leftmost class's path: node 1, then always the left child.
    levels = {f"node_{2**level}_mean": f"level {level + 1}" for level in range(tree.depth)}
    names = {**levels, "off_mean": "off", "noise": "noise"}
    rows: list[Row] = []
    for seed, run in zip(tree.seeds, lab.fit([tree.teacher(seed) for seed in tree.seeds]), strict=True):
        for step, accuracy in run.history("test/accuracy"):
            rows.append(_row("accuracy", 0, seed, step, accuracy))
        for row in run.rows("monomials.csv"):
            if row["group"] in names and row["label"] == "0":
                step, value = int(row["step"]), float(row["correlation"])
                rows.append(_row(names[row["group"]], int(row["degree"]), seed, step, value))
    return rows


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw the correlations of each level's variables, a panel a degree, with the accuracy behind."""
    tree = SETTINGS[scale]
    degrees = sorted({row["degree"] for row in rows} - {0})
    figure, axes = panels(len(degrees), width=4.2, height=3.4)
    for axis, degree in zip(axes, degrees, strict=True):
        chosen = [{**row, "accuracy": row["value"]} for row in rows if row["degree"] == degree]
        for level in range(1, tree.depth + 1):
            points = curves(chosen, f"level {level}")
            if points:
                curve(axis, points, f"C{level + 3}", f"level {level}")
        curve(axis, curves(chosen, "off"), "#2f6fb0", "irrelevant")
        right = axis.twinx()
        accuracy = [{**row, "accuracy": row["value"]} for row in rows if row["method"] == "accuracy"]
        curve(right, curves(accuracy, "accuracy"), COLOURS["teacher"], "accuracy", ls=":", lw=1.0)
        right.set(ylim=(0, 1.03), yticks=[])
        axis.set(xlabel="training samples", title=f"degree {degree}", ylabel="|correlation|, mean of a group")
        in_millions(axis, tree.num_steps)
        axis.legend(fontsize=7)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge that each level stands out at its peak, one after the other.

    Judged is the highest degree measured that is below a node's: a node's own parity does not fade again.
    """
    tree = SETTINGS[scale]
    degree = max(row["degree"] for row in rows if row["degree"] < tree.node_size)
    chosen = [row for row in rows if row["degree"] == degree]
    first, last = "level 1", f"level {tree.depth}"
    require_seeds(chosen, [first, last, "off", "noise"], tree.seeds)
    peaks = {
        name: [_peak(chosen, name, seed, tree.eval_every) for seed in tree.seeds] for name in (first, last)
    }
    delays = [b[0] - a[0] for a, b in zip(peaks[first], peaks[last], strict=True)]
    result = [
        judge(
            "levels-one-after-the-other",
            f"The correlations with the last level's monomials (degree {degree}) peak after the root's "
            "(samples between the two).",
            delays,
            scale=scale,
            threshold="> 0 in every seed",
            holds=min(delays) > 0,
        )
    ]
    for name in (first, last):
        ratios = [ratio for _, ratio in peaks[name]]
        result.append(
            judge(
                f"{name.replace(' ', '-')}-stands-out",
                f"At its peak {name} is correlated more than irrelevant variables (ratio).",
                ratios,
                scale=scale,
                threshold=f"mean in the group >= {GAP:g} x (mean off + noise of one estimate), every seed",
                holds=min(ratios) >= GAP,
            )
        )
    return result


def _peak(rows: Sequence[Row], name: str, seed: int, after: int) -> tuple[float, float]:
    """Return the step at which a group stands out most from the irrelevant, and by which factor.

    Before ``after`` nothing counts: the first samples leave their own traces at degree 1.
    """
    values = {
        which: {row["step"]: row["value"] for row in rows if (row["method"], row["seed"]) == (which, seed)}
        for which in (name, "off", "noise")
    }
    ratios = {
        step: value / (values["off"][step] + values["noise"][step])
        for step, value in values[name].items()
        if step >= after
    }
    step = max(ratios, key=lambda s: ratios[s])
    return float(step), ratios[step]


def _row(method: str, degree: int, seed: int, step: int, value: float) -> Row:
    return {"method": method, "degree": degree, "seed": seed, "step": step, "value": value}
