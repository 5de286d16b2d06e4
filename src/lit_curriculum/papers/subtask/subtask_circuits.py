"""Boolean circuits, learned with the values of their gates written out and not without, at equal steps.

Section 6 of `subtask` says that any circuit becomes learnable so; its own experiments stop at the parity
tree. With gate labels every circuit here is to be learned. Without, some are and some are not, which the
paper leaves open (section 7): the claim is about those named in the settings.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.style import curve, in_millions, panels
from lit_curriculum.papers.subtask.parity import BETTER, WITH, WITHOUT
from lit_curriculum.runs.graph import Run
from lit_curriculum.runs.lab import Lab
from lit_curriculum.tasks.circuits import Circuit, load_netlist

_COLOURS = {WITH: "#c8442b", WITHOUT: "#4b9b5b"}
_LEARNED = 0.995
_QUANTITY = "test/accuracy"


@dataclass(frozen=True)
class Task:
    """A circuit, and how long it is trained, with labels and without.

    Attributes:
        netlist: name of a shipped circuit.
        num_steps: updates.
        eval_every: updates between two evaluations.
        hard: whether plain training is claimed to fail.
    """

    netlist: str
    num_steps: int
    eval_every: int
    hard: bool


@dataclass(frozen=True)
class Circuits:
    """What a scale sets.

    Attributes:
        configs: overlays of ``circuits`` that give model, optimizer and batch.
        tasks: the circuits, in the order of the panels.
        seeds: data seeds that are reported; each is the model's seed as well.
        tuning_seeds: seeds on which lengths and ``hard`` were found by hand; no run of a target has them.
    """

    configs: tuple[str, ...]
    tasks: tuple[Task, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100, 101)

    def run(self, task: Task, method: str, seed: int) -> Run:
        """Return the run of a circuit."""
        labels = method == WITH
        circuit = load_netlist(task.netlist, 2, labels)
        length = circuit.d + circuit.n_labels - 1
        settings = {
            "model": {"init_args": {"max_length": length, "model_seed": seed}},
            "data": {
                "init_args": {
                    "netlist": task.netlist,
                    "gate_labels": labels,
                    "max_fan_in": 2,
                    "num_steps": task.num_steps,
                    "eval_every": task.eval_every,
                    "data_seed": seed,
                    "eval_streams": ["test"],
                }
            },
        }
        return Run("circuit", self.configs, settings, cost=task.num_steps * length)


# Lengths after which tuning seeds have learned with labels. The multiplier is left out: of its 64 strings 48
# are left to train on, and a model that knows these by heart does not know the product, labels or not.
_LAPTOP = Circuits(
    configs=("circuits",),
    tasks=(
        Task("parity_tree", 1000, 50, hard=True),
        Task("inner_product", 800, 100, hard=True),
        Task("adder", 400, 25, hard=False),
        Task("comparator", 1200, 50, hard=False),
        Task("majority", 300, 25, hard=False),
    ),
)

SETTINGS: dict[Scale, Circuits] = {
    "smoke": replace(
        _LAPTOP,
        configs=("circuits", "smoke/circuits"),
        tasks=(Task("parity_tree", 20, 10, hard=True), Task("adder", 20, 10, hard=False)),
        seeds=(0,),
        tuning_seeds=(),
    ),
    "laptop": _LAPTOP,
    # The paper has no such experiment: its model, optimizer, batch, length and seeds (Table 2).
    "paper": replace(
        _LAPTOP,
        configs=("circuits", "paper/circuits"),
        tasks=tuple(replace(task, num_steps=100_000, eval_every=1000) for task in _LAPTOP.tasks),
        seeds=(27, 67, 93),
    ),
}


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "seconds",
        "laptop": "30 runs of 300 to 1,200 steps; about 5 minutes",
        "paper": "30 runs of 85M parameters and 100,000 steps",
    }[scale]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train every circuit with and without labels, and return the decoded test accuracy of all outputs."""
    setting = SETTINGS[scale]
    jobs = [(t, method, seed) for t in setting.tasks for method in (WITH, WITHOUT) for seed in setting.seeds]
    finished = lab.fit([setting.run(*job) for job in jobs])
    rows = []
    for run, (task, method, seed) in zip(finished, jobs, strict=True):
        constant = best_constant(load_netlist(task.netlist, 2))
        for step, value in run.history(_QUANTITY):
            rows.append(
                {
                    "circuit": task.netlist,
                    "method": method,
                    "seed": seed,
                    "step": step,
                    "test_accuracy": value,
                    "best_constant": constant,
                }
            )
    return rows


def best_constant(circuit: Circuit) -> float:
    """Return how often the most frequent answer is right, over all strings of a circuit."""
    every = np.arange(1 << circuit.d)[:, None] >> np.arange(circuit.d) & 1
    answers = circuit.labels(every)[:, -circuit.n_answers :]
    _, counts = np.unique(answers, axis=0, return_counts=True)
    return float(counts.max() / counts.sum())


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw accuracy against steps, a panel a circuit: each seed, their mean, and the best constant answer."""
    setting = SETTINGS[scale]
    figure, axes = panels(len(setting.tasks), width=3.0, height=3.0)
    for axis, task in zip(axes, setting.tasks, strict=True):
        for method, colour in _COLOURS.items():
            seeds = [_history(rows, task, method, seed) for seed in setting.seeds]
            curve(axis, seeds, colour, method)
            for points in seeds:
                axis.plot(*zip(*points, strict=True), lw=0.6, color=colour, alpha=0.6)
        constant = next(row["best_constant"] for row in rows if row["circuit"] == task.netlist)
        axis.axhline(constant, color="#555555", lw=0.9, ls=":", label="best constant answer")
        circuit = load_netlist(task.netlist, 2)
        axis.set(
            title=f"{task.netlist.replace('_', ' ')}: {circuit.d} bits, {len(circuit.gates)} gates",
            xlabel="steps",
            ylim=(-0.03, 1.05),
        )
        axis.title.set_fontsize(9)
        in_millions(axis, task.num_steps)
    axes[0].set_ylabel("test accuracy, all outputs")
    axes[0].legend(fontsize=7)
    return figure


def _history(rows: Sequence[Row], task: Task, method: str, seed: int) -> list[tuple[int, float]]:
    """Return (step, accuracy) of a run.

    Raises:
        ValueError: if the run is missing: a claim over every seed must not lose one.
    """
    wanted = (task.netlist, method, seed)
    found = [
        (row["step"], row["test_accuracy"])
        for row in rows
        if (row["circuit"], row["method"], row["seed"]) == wanted
    ]
    if not found:
        raise ValueError(f"data lack {task.netlist} {method}, seed {seed}")
    return sorted(found)


# --- claims -----------------------------------------------------------------------------------------------


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge that labels of the gates make every circuit learnable, and that some are not without."""
    setting = SETTINGS[scale]
    made = []
    for task in setting.tasks:
        made.append(_learned(rows, setting, task, scale))
        if task.hard:
            made.append(_not_learned(rows, setting, task, scale))
    return made


def _final(rows: Sequence[Row], setting: Circuits, task: Task, method: str) -> list[float]:
    return [_history(rows, task, method, seed)[-1][1] for seed in setting.seeds]


def _learned(rows: Sequence[Row], setting: Circuits, task: Task, scale: Scale) -> Claim:
    values = _final(rows, setting, task, WITH)
    claim = judge(
        f"learned-{_name(task)}",
        f"With labels of its gates the {task.netlist.replace('_', ' ')} is learned: decoded test accuracy, "
        "all outputs right.",
        values,
        scale=scale,
        threshold="1.00 to two digits (>= 0.995) in every seed",
        holds=min(values) >= _LEARNED,
        paper_value="learned (Theorem 1)",
    )
    if task.hard:
        return claim
    plain = statistics.fmean(_final(rows, setting, task, WITHOUT))
    return replace(claim, note=f"no claim without labels: {plain:.3f} on average at the same step")


def _not_learned(rows: Sequence[Row], setting: Circuits, task: Task, scale: Scale) -> Claim:
    """At the end of a run as long as the one with labels, which has learned."""
    values = _final(rows, setting, task, WITHOUT)
    labelled = _final(rows, setting, task, WITH)
    return judge(
        f"not-learned-without-{_name(task)}",
        f"Without labels the {task.netlist.replace('_', ' ')} is not learned after as many steps: test "
        "accuracy, all outputs right.",
        values,
        scale=scale,
        threshold="at most 0.6 in every seed, learned with labels in every seed",
        holds=max(values) <= BETTER and min(labelled) >= _LEARNED,
        paper_value="not learned (Corollary 2: for some circuits)",
    )


def _name(task: Task) -> str:
    return task.netlist.replace("_", "-")
