"""Boolean circuits, learned with the values of their gates written out and not without, at equal steps.

Section 6 of `subtask` says that any circuit becomes learnable so; its own experiments stop at the parity
tree. With gate labels every circuit here is to be learned. Without, some are and some are not, which the
paper leaves open (section 7): the claim is about those named in the settings.
"""

from __future__ import annotations

import math
import statistics
from typing import Any, NamedTuple

import numpy as np

from lit_curriculum.papers.subtask._parity import BETTER, COLOURS
from lit_curriculum.papers.subtask._published import WITH, WITHOUT
from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import curve, in_millions, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, AtMost
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import Arm, Study, at_scale
from lit_curriculum.tasks.circuits import Circuit, load_netlist

LEARNED = 0.995


class Task(NamedTuple):
    """A circuit, how long it is trained, and whether training without labels is claimed to fail."""

    netlist: str
    num_steps: int
    eval_every: int
    hard: bool


# Lengths after which tuning seeds have learned with labels. The multiplier is left out: of its 64 strings 48
# are left to train on, and a model that knows these by heart does not know the product, labels or not.
_LAPTOP = (
    Task("parity_tree", 1000, 50, hard=True),
    Task("inner_product", 800, 100, hard=True),
    Task("adder", 400, 25, hard=False),
    Task("comparator", 1200, 50, hard=False),
    Task("majority", 300, 25, hard=False),
)
TASKS: dict[Scale, tuple[Task, ...]] = {
    "smoke": (Task("parity_tree", 20, 10, hard=True), Task("adder", 20, 10, hard=False)),
    "laptop": _LAPTOP,
    # The paper has no such experiment: its model, optimizer, batch, length and seeds (Table 2).
    "paper": tuple(task._replace(num_steps=100_000, eval_every=1000) for task in _LAPTOP),
}


def figure(scale: Scale) -> Figure:
    """Return accuracy against steps, a panel per circuit."""
    tasks = TASKS[scale]
    cost = {
        "smoke": "seconds",
        "laptop": "30 runs of 300 to 1,200 steps; about 5 minutes",
        "paper": "30 runs of 85M parameters and 100,000 steps",
    }
    return Figure(
        cost=cost[scale],
        studies=tuple(_study(scale, task) for task in tasks),
        draw=lambda results: _draw(results, tasks),
        claims=lambda results: [claim for task in tasks for claim in _claims(task)],
    )


def _study(scale: Scale, task: Task) -> Study:
    arms = []
    for name in (WITH, WITHOUT):
        circuit = load_netlist(task.netlist, 2, name == WITH)
        length = circuit.d + circuit.n_labels - 1
        arms.append(
            Arm(
                name=name,
                set={"model.max_length": length, "data.gate_labels": name == WITH},
                cost=float(length),
            )
        )
    return at_scale(
        scale,
        "circuits",
        set={
            "data.netlist": task.netlist,
            "data.max_fan_in": 2,
            "data.num_steps": task.num_steps,
            "data.eval_every": task.eval_every,
        },
        arms=tuple(arms),
        seeds=(27, 67, 93) if scale == "paper" else (0, 1, 2),
        streams=("test",),
        axes={"circuit": task.netlist},
        fixed=("data.gate_labels",),
    )


def best_constant(circuit: Circuit) -> float:
    """Return how often the most frequent answer is right, over all strings of a circuit."""
    every = np.arange(1 << circuit.d)[:, None] >> np.arange(circuit.d) & 1
    answers = circuit.labels(every)[:, -circuit.n_answers :]
    _, counts = np.unique(answers, axis=0, return_counts=True)
    return float(counts.max() / counts.sum())


def _draw(results: Results, tasks: tuple[Task, ...]) -> Any:
    """Draw each seed, their mean, and the best constant answer."""
    picture, axes = panels(len(tasks), width=3.0, height=3.0)
    for axis, task in zip(axes, tasks, strict=True):
        for arm, colour in COLOURS.items():
            seeds = results.where(circuit=task.netlist).curves(arm, "accuracy")
            curve(axis, seeds, colour, arm)
            for points in seeds:
                axis.plot(*zip(*points, strict=True), lw=0.6, color=colour, alpha=0.6)
        circuit = load_netlist(task.netlist, 2)
        axis.axhline(best_constant(circuit), color="#555555", lw=0.9, ls=":", label="best constant answer")
        axis.set(
            title=f"{task.netlist.replace('_', ' ')}: {circuit.d} bits, {len(circuit.gates)} gates",
            xlabel="steps",
            ylim=(-0.03, 1.05),
        )
        axis.title.set_fontsize(9)
        in_millions(axis, task.num_steps)
    axes[0].set_ylabel("test accuracy, all outputs")
    legend(axes[0])
    return picture


def _claims(task: Task) -> list[Claim]:
    """Judge that labels of the gates make a circuit learnable, and if it is hard that it is not without."""
    name, words = task.netlist.replace("_", "-"), task.netlist.replace("_", " ")
    with_labels, without = (final(arm, circuit=task.netlist) for arm in (WITH, WITHOUT))

    def note(results: Results) -> str:
        plain = statistics.fmean(without(results).values())
        return f"no claim without labels: {plain:.3f} on average at the same step"

    def not_learned(results: Results) -> PerSeed:
        """At the end of a run as long as the one with labels, which must have learned."""
        labelled = with_labels(results)
        return PerSeed({s: v if labelled[s] >= LEARNED else math.nan for s, v in without(results).items()})

    learned = Claim(
        f"learned-{name}",
        f"With labels of its gates the {words} is learned: decoded test accuracy, all outputs right.",
        with_labels,
        AtLeast(LEARNED),
        paper="learned (Theorem 1)",
        note="" if task.hard else note,
    )
    if not task.hard:
        return [learned]
    return [
        learned,
        Claim(
            f"not-learned-without-{name}",
            f"Without labels the {words} is not learned after as many steps: test accuracy, all outputs "
            "right.",
            not_learned,
            AtMost(BETTER),
            paper="not learned (Corollary 2: for some circuits)",
        ),
    ]
