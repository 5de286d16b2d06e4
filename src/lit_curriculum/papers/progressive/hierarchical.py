"""Runs and settings that the figures of hierarchical parity share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge, require_seeds
from lit_curriculum.papers.progressive.parity import curves, strategy
from lit_curriculum.papers.style import COLOURS, curve, in_millions, panels
from lit_curriculum.papers.tuning import MakeRun, choose_rates
from lit_curriculum.runs.graph import Finished, Lab, Run

SOLVED, SHORT = 0.99, 0.1


@dataclass(frozen=True)
class Tree:
    """What a scale sets.

    Attributes:
        configs: the base configuration and its overlay.
        d, depth, node_size: the task.
        teacher_width, student_width: hidden units.
        num_steps: samples of the teacher.
        student_steps: samples of every student.
        eval_every: samples between two evaluations.
        spacing: samples between two harvested checkpoints.
        correlations_every: samples between two measurements of the teacher's correlations.
        teacher_lr: the teacher's rate.
        rates: grid of the students' rates.
        T: student steps under each intermediate checkpoint.
        seeds: seeds that are reported; data and model seed together.
        tuning_seeds: seeds that choose the rates.
    """

    configs: tuple[str, ...]
    d: int
    depth: int
    node_size: int
    teacher_width: int
    student_width: int
    num_steps: int
    student_steps: int
    eval_every: int
    spacing: int
    correlations_every: int
    teacher_lr: float
    rates: tuple[float, ...]
    T: int
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100, 101)

    @property
    def first_and_last(self) -> tuple[str, str]:
        """The metrics of the root's and the last level's decisions."""
        return "val/decision_1", f"val/decision_{self.depth}"

    def teacher(self, seed: int) -> Run:
        """Return the teacher of a seed, with its checkpoints; for a reported seed also correlations."""
        harvest = {"class_path": "HarvestCheckpoints", "init_args": {"every_n_steps": self.spacing}}
        rule = {"every_n_steps": self.correlations_every, "degrees": [1, 2, 3], "max_off_support": 1000}
        monomials = {"class_path": "LogMonomials", "init_args": rule}
        callbacks = [harvest, monomials] if seed in self.seeds else [harvest]
        return self._run("teacher", self.teacher_width, self.teacher_lr, seed, callbacks)

    def student(
        self, rate: float, seed: int, teach: dict[str, Any] | None = None, report: bool = True
    ) -> Run:
        """Return a student; ``teach`` holds SwapTeacher's strategy and tau, None trains with labels.

        The student's seeds differ from its teacher's: it sees other samples from other initial weights.
        """
        if teach is None:
            return self._run("student", self.student_width, rate, seed + 1000, [], (), report)
        swap = {"class_path": "SwapTeacher", "init_args": {"bank": "{bank}", **teach}}
        needs = (self.teacher(seed),)
        return self._run("student", self.student_width, rate, seed + 1000, [swap], needs, report)

    def ways(self) -> dict[str, dict[str, Any] | None]:
        """Return the ways to be taught that figures 15, 18 and 19 compare."""
        first, last = self.first_and_last
        return {
            "plain": None,
            "one-shot": strategy("OneShot"),
            "first level": strategy("TwoShot", T=self.T, metric=first),
            "last level": strategy("TwoShot", T=self.T, metric=last),
            "both": strategy("MiddleOfEach", T=self.T, metrics=[first, last]),
        }

    def _run(
        self,
        kind: str,
        width: int,
        rate: float,
        seed: int,
        callbacks: list[dict[str, Any]],
        needs: tuple[Run, ...] = (),
        report: bool = True,
    ) -> Run:
        num_steps = self.num_steps if kind == "teacher" else self.student_steps
        model = {"d": self.d, "depth": self.depth, "width": width, "lr": rate, "model_seed": seed}
        data = {
            "d": self.d,
            "depth": self.depth,
            "node_size": self.node_size,
            "num_steps": num_steps,
            "eval_every": self.eval_every,
            "steps_per_call": self.eval_every,
            "data_seed": seed,
            # Rates are chosen on val; only reported runs look at test.
            "eval_streams": ["val", "test"] if report else ["val"],
        }
        settings = {
            "model": {"init_args": model},
            "data": {"init_args": data},
            "trainer": {"callbacks": callbacks},
        }
        return Run(kind, self.configs, settings, needs, num_steps * (width * self.d + 20_000) * 1e-9)


_SMOKE = Tree(
    configs=("hierarchical_parity", "smoke/hierarchical_parity"),
    d=12,
    depth=2,
    node_size=3,
    teacher_width=200,
    student_width=20,
    num_steps=20_000,
    student_steps=20_000,
    eval_every=1000,
    spacing=1000,
    correlations_every=5000,
    teacher_lr=1e-2,
    rates=(1e-2,),
    T=4000,
    seeds=(0,),
    tuning_seeds=(),
)
# Rate 1e-3 of the paper's grid is left out to save time; it has not been tried at this length.
_LAPTOP = Tree(
    configs=("hierarchical_parity",),
    d=50,
    depth=2,
    node_size=4,
    teacher_width=3000,
    student_width=50,
    num_steps=260_000,
    student_steps=240_000,
    eval_every=2500,
    spacing=2500,
    correlations_every=20_000,
    teacher_lr=1e-2,
    rates=(1e-2, 5e-3),
    T=40_000,
)
_PAPER = Tree(
    configs=("hierarchical_parity", "paper/hierarchical_parity"),
    d=100,
    depth=3,
    node_size=5,
    teacher_width=50_000,
    student_width=1000,
    num_steps=20_000_000,
    student_steps=20_000_000,
    eval_every=100_000,
    spacing=100_000,
    correlations_every=100_000,
    teacher_lr=5e-3,
    rates=(1e-2, 5e-3, 1e-3),
    T=2_000_000,
)

NARROW: dict[Scale, Tree] = {
    "smoke": _SMOKE,
    "laptop": _LAPTOP,
    "paper": replace(_PAPER, student_width=100),
}
WIDE: dict[Scale, Tree] = {
    "smoke": replace(_SMOKE, student_width=40),
    "laptop": replace(_LAPTOP, student_width=100),
    "paper": _PAPER,
}

WAY_COLOURS = {
    "teacher": COLOURS["teacher"],
    "plain": COLOURS["plain"],
    "one-shot": COLOURS["one-shot"],
    "first level": "#7d8ca3",
    "last level": COLOURS["two-shot"],
    "both": COLOURS["progressive"],
}
WAY_LABELS = {
    "teacher": "teacher",
    "plain": "labels only",
    "one-shot": "one-shot",
    "first level": "one checkpoint: first level",
    "last level": "one checkpoint: last level",
    "both": "two checkpoints",
}
# Where the paper's finding is not robust at laptop scale. Thresholds are those set before a reported seed was
# looked at; they have not moved since.
NOT_ROBUST = (
    "Tried at depth 2, d = 50, teacher width 3,000, students of 15 to 100, T = 20k and 40k, rates 1e-2 and "
    "5e-3. At width 50 with the tuning seeds two checkpoints solve it (1.000, 0.991) and the last alone does "
    "not (0.745, 0.745). With the reported seeds, widths 50 and 100, two checkpoints teach the root and both "
    "last nodes in one of three, where the last alone does too, and about one last node in the others; see "
    "docs/negative_results.md."
)


def compare(lab: Lab, tree: Tree) -> list[Row]:
    """Train teachers and students of every way, each at its best rate, and return test accuracies."""
    ways = tree.ways()

    def maker(how: dict[str, Any] | None) -> MakeRun:
        return lambda rate, seed: tree.student(rate, seed, how, report=False)

    methods = {name: maker(how) for name, how in ways.items()}
    rates = choose_rates(lab, methods, tree.rates, tree.tuning_seeds)
    runs = {("teacher", seed): tree.teacher(seed) for seed in tree.seeds}
    for name, how in ways.items():
        for seed in tree.seeds:
            runs[name, seed] = tree.student(rates[name], seed, how)
    rows: list[Row] = []
    for (name, seed), run in zip(runs, lab.fit(list(runs.values())), strict=True):
        rows += accuracy_rows(name, seed, rates.get(name, tree.teacher_lr), run, tree.depth)
    return rows


def accuracy_rows(method: str, seed: int, rate: float, run: Finished, depth: int) -> list[Row]:
    """Return accuracy, each level's decisions and the steps of the teachers as rows of data.csv."""
    taught = run.rows("swaps.csv") if (run.path / "swaps.csv").is_file() else []
    chosen = "+".join(row["teacher_step"] for row in taught)
    decisions = [run.history(f"test/decision_{level}") for level in range(1, depth + 1)]
    return [
        {
            "method": method,
            "seed": seed,
            "lr": rate,
            "step": step,
            "accuracy": accuracy,
            **{f"decision_{level}": of[i][1] for level, of in enumerate(decisions, 1)},
            "teachers": f"at {chosen}" if chosen else "labels",
        }
        for i, (step, accuracy) in enumerate(run.history("test/accuracy"))
    ]


def finals(rows: Sequence[Row], method: str) -> list[float]:
    """Return the last accuracy of each seed."""
    return [points[-1][1] for points in curves(rows, method)]


def draw_ways(rows: Sequence[Row], tree: Tree) -> Any:
    """Draw the teacher's decisions by level, and the accuracy of every way to be taught."""
    figure, (left, right) = panels(2, width=4.8, height=3.8)
    for level in range(1, tree.depth + 1):
        of_level = [{**row, "accuracy": row[f"decision_{level}"]} for row in rows]
        curve(left, curves(of_level, "teacher"), f"C{level + 3}", f"decision {level}")
    for name, colour in WAY_COLOURS.items():
        dashes = "--" if name in ("teacher", "plain") else "-"
        curve(right, curves(rows, name), colour, WAY_LABELS[name], ls=dashes)
    left.set(title=f"teacher, width {tree.teacher_width:,}", ylabel="test accuracy of a decision")
    right.set(title=f"(3, {tree.T:,}), width {tree.student_width:,}", ylabel="test accuracy")
    for axis in (left, right):
        axis.set_xlabel("training samples")
        in_millions(axis, tree.num_steps)
        axis.legend(fontsize=7)
    return figure


def claims_of_ways(rows: Sequence[Row], tree: Tree, scale: Scale) -> list[Claim]:
    """Judge which checkpoints a student needs."""
    require_seeds(rows, ["teacher", *tree.ways()], tree.seeds)
    final = {name: finals(rows, name) for name in ("teacher", *tree.ways())}
    short = {
        name: [two - other for two, other in zip(final["both"], final[name], strict=True)]
        for name in ("one-shot", "first level", "last level")
    }
    statements = {
        "one-shot": "The finished teacher alone falls short of two checkpoints (difference in accuracy).",
        "first level": "One checkpoint, from the middle of the first level's rise, falls short of two.",
        "last level": "One checkpoint, from the middle of the last level's rise, falls short of two.",
    }
    falling = [
        judge(
            f"{name.replace(' ', '-')}-falls-short",
            statements[name],
            short[name],
            scale=scale,
            threshold=f">= {SHORT} in every seed",
            holds=min(short[name]) >= SHORT,
            paper_value="> 0",
        )
        for name in short
    ]
    result = [
        judge(
            "teacher-solves",
            "The wide teacher learns the tree from labels.",
            final["teacher"],
            scale=scale,
            threshold=f">= {SOLVED} in every seed",
            holds=min(final["teacher"]) >= SOLVED,
            paper_value=1.0,
        ),
        judge(
            "two-solve",
            "Two checkpoints, from the middles of the first and the last level's rise, then the final one, "
            "suffice.",
            final["both"],
            scale=scale,
            threshold=f">= {SOLVED} in every seed",
            holds=min(final["both"]) >= SOLVED,
            paper_value=1.0,
        ),
        *falling,
    ]
    return [at_scale(claim, scale) for claim in result]


def at_scale(claim: Claim, scale: Scale) -> Claim:
    """Return a claim that fails at laptop scale as not shown there, unless it is one that is robust there."""
    robust = claim.id in ("teacher-solves", "one-shot-falls-short")
    if scale != "laptop" or claim.status != "fails" or robust:
        return claim
    return replace(claim, status="not_shown_at_scale", note=NOT_ROBUST)
