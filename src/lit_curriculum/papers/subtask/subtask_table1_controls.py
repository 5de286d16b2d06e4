"""Controls of Table 1: labels of another tree do not make bit-subset parity learnable.

If labels in the sequence helped because there are more targets, or a longer sequence to compute in, any
would. Those of the control are the nodes of the tree over the bits that do not count: as many, as hard, in
the same places. Only the answer is the same.
"""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.subtask._parity import TYPICAL, find, least_loss, table_1
from lit_curriculum.papers.subtask._published import WITH
from lit_curriculum.reproduce.claim import Claim, final, gain
from lit_curriculum.reproduce.controls import solved
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import Line, draw_arms, in_millions, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, AtMost, MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import Arm, Study, overlaid

LEARNED, CHANCE = 0.95, 0.6
OWN, OTHERS, WITHOUT = "labels of its tree", "labels of another tree", "answer alone"
LINES = {
    OWN: Line(OWN, "#d55e00"),
    OTHERS: Line(OTHERS, "#cc79a7"),
    WITHOUT: Line(WITHOUT, "#009e73", (0, (4, 2))),
}
_KNOWN: Known = {
    "laptop": {
        "others-learn-their-tree": "fails: in one seed of five one label of the other tree is not learned "
        "within 1,000 steps"
    }
}


def figure(scale: Scale) -> Figure:
    """Return the answer's accuracy with the tree's labels, another tree's, and without any."""
    d = TYPICAL[scale]
    study = _study(scale, d)
    cost = {
        "smoke": "seconds",
        "laptop": "15 runs of 1,000 steps, a third of them the table's; about 6 minutes on one core",
        "paper": "per seed 3 of the table's runs at 32 bits (GPU); never run",
    }
    return Figure(
        cost=cost[scale],
        studies=(study,),
        draw=lambda results: _draw(results, study, d),
        claims=lambda results: _claims(d),
        known=_KNOWN.get(scale, {}),
    )


def _study(scale: Scale, d: int) -> Study:
    """Return the table's entry with labels, and beside it what the controls change."""
    entry = find(table_1(scale), WITH, d)
    assert entry is not None
    labelled = entry.arms[0]
    assert labelled.set is not None
    settings = dict(labelled.set)
    arms = (
        Arm(name=OWN, set=settings, cost=labelled.cost),
        Arm(name=OTHERS, set={**settings, "data.tree_of": "others"}, cost=labelled.cost),
        Arm(name=WITHOUT, set={**settings, "data.subtask_labels": False, "model.max_length": d}),
    )
    return Study(
        configs=overlaid("bit_subset_parity", scale),
        arms=arms,
        seeds=entry.seeds,
        tuning_seeds=entry.tuning_seeds,
        grid=entry.grid,
        metrics={name: f"test/{name}" for name in ("accuracy", "forced_accuracy", "forced_errors")},
        score=least_loss,
        axes={"d": d},
        fixed=("data.subtask_labels", "data.tree_of"),
    )


def _draw(results: Results, study: Study, d: int) -> Any:
    picture, (axis,) = panels(1, width=4.6, height=3.6)
    draw_arms(axis, results, LINES)
    axis.set(title=f"{d} bits", xlabel="training steps", ylabel="accuracy of the answer, decoded")
    axis.set_ylim(0.4, 1.03)
    in_millions(axis, study.value("data.num_steps", study.arms[0]))
    legend(axis)
    return picture


def _claims(d: int) -> list[Claim]:
    """Judge that the tree's labels teach the answer, another tree's only themselves."""

    def inner(results: Results) -> PerSeed:
        """Errors of all labels but the answer, each given the true ones before it."""
        answers = results.final(OTHERS, "forced_accuracy").map(lambda accuracy: 1 - accuracy)
        return results.final(OTHERS, "forced_errors") - answers

    return [
        Claim(
            "own-tree-solves",
            f"With the labels of its tree the parity of {d // 2} of {d} bits is learned.",
            final(OWN),
            AtLeast(LEARNED),
            paper=1.0,
        ),
        Claim(
            "others-stuck",
            "With labels of the tree over the other bits the answer stays near chance.",
            final(OTHERS),
            AtMost(CHANCE),
        ),
        Claim(
            "over-others",
            "The tree's own labels end above this control (difference of accuracies).",
            gain(OWN, OTHERS),
            MeanAbove(),
            note=solved(OTHERS, LEARNED),
        ),
        Claim(
            "others-learn-their-tree",
            "The control's own labels are learned all the same (sum of their errors): they are as easy.",
            inner,
            AtMost(0.05),
        ),
    ]
