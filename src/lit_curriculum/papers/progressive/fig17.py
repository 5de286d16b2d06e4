"""Hierarchical parity: the correlations of different levels spike at different steps (figure 17).

The probability of the leftmost class is correlated with monomials of the variables of each node on its path,
and with monomials of irrelevant variables. Each level has its own time: one checkpoint cannot show them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lit_curriculum.papers.progressive._hierarchical import tree
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import COLOURS, curve, in_millions, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import Measured, Study

GAP = AtLeast(3.0)


def figure(scale: Scale) -> Figure:
    """Return the mean correlation of every level over the teacher's training, by degree."""
    study = tree(scale, "wide")
    study = replace(study, arms=study.arms[:1], tables={"monomials.csv": _correlations}, axes={})
    cost = {
        "smoke": "seconds",
        "laptop": "about 4 minutes, or nothing after figure 18 or 19, whose teachers it shows",
        "paper": "the teachers of figure 18",
    }
    return Figure(
        cost=cost[scale],
        studies=(study,),
        draw=lambda results: _draw(results, study),
        claims=lambda results: _claims(results, study),
    )


def _correlations(rows: Sequence[dict[str, str]]) -> Iterator[Measured]:
    """Yield the groups of the leftmost class's path: node 1, then always the left child."""
    names = {f"node_{2**level}_mean": f"level {level + 1}" for level in range(10)}
    names |= {"off_mean": "off", "noise": "noise"}
    for row in rows:
        if row["group"] in names and row["label"] == "0":
            metric = f"degree {row['degree']}: {names[row['group']]}"
            yield metric, int(row["step"]), float(row["correlation"])


def _draw(results: Results, study: Study) -> Any:
    """Draw a panel per degree, with the accuracy behind."""
    degrees = sorted({name.partition(":")[0] for name in results.metrics("degree ")})
    picture, axes = panels(len(degrees), width=4.2, height=3.4)
    for axis, degree in zip(axes, degrees, strict=True):
        for i, metric in enumerate(results.metrics(f"{degree}: level")):
            curve(axis, results.curves("teacher", metric), f"C{i + 4}", metric.partition(": ")[2])
        curve(axis, results.curves("teacher", f"{degree}: off"), "#0072b2", "irrelevant")
        right = axis.twinx()
        accuracy = results.curves("teacher", "accuracy")
        curve(right, accuracy, COLOURS["teacher"], "accuracy", ls=":", lw=1.0)
        right.set(ylim=(0, 1.03), yticks=[])
        axis.set(xlabel="training samples", title=degree, ylabel="|correlation|, mean of a group")
        in_millions(axis, study.value("data.num_steps"))
        legend(axis)
    return picture


def _claims(results: Results, study: Study) -> list[Claim]:
    """Judge that each level stands out at its peak, one after the other.

    Judged is the highest degree measured that is below a node's: a node's own parity does not fade again.
    """
    measured = {int(name.split()[1][:-1]) for name in results.metrics("degree ")}
    degree = max(d for d in measured if d < study.value("data.node_size", study.arms[0]))
    first, last = "level 1", f"level {study.value('data.depth', study.arms[0])}"
    # The first samples leave their own traces at degree 1.
    after = study.value("data.eval_every", study.arms[0])

    def peaks(results: Results, level: str, what: int) -> PerSeed:
        groups = [results.history("teacher", f"degree {degree}: {name}") for name in (level, "off", "noise")]
        return PerSeed({seed: _peak([dict(g[seed]) for g in groups], after)[what] for seed in groups[0]})

    return [
        Claim(
            "levels-one-after-the-other",
            f"The correlations with the last level's monomials (degree {degree}) peak after the root's "
            "(samples between the two).",
            lambda results: peaks(results, last, 0) - peaks(results, first, 0),
            MeanAbove(),
        ),
        *(
            Claim(
                f"{level.replace(' ', '-')}-stands-out",
                f"At its peak {level} is correlated more than irrelevant variables (mean of the group over "
                "mean off and the noise of one estimate).",
                lambda results, level=level: peaks(results, level, 1),  # type: ignore[misc]
                GAP,
            )
            for level in (first, last)
        ),
    ]


def _peak(groups: Sequence[dict[float, float]], after: int) -> tuple[float, float]:
    """Return the step at which a group stands out most from the irrelevant, and by which factor.

    Args:
        groups: correlations by step, of the group, of irrelevant monomials, and the noise of one estimate.
        after: the first step that counts.
    """
    level, off, noise = groups
    ratios = {step: value / (off[step] + noise[step]) for step, value in level.items() if step >= after}
    step = max(ratios, key=lambda s: ratios[s])
    return step, ratios[step]
