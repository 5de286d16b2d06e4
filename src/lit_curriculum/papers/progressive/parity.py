"""Runs and settings that the sparse-parity figures share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.papers.figure import Row, Scale
from lit_curriculum.papers.progressive.distilled import TeacherAndStudents
from lit_curriculum.runs.graph import Finished


@dataclass(frozen=True, kw_only=True)
class Parity(TeacherAndStudents):
    """What a scale sets.

    Attributes:
        k: size of the support.
        on_change: harvest also where the accuracy moved by this much.
        degrees: degrees of the monomials that reported teachers log wherever they harvest.
        samples, max_off_support: of these measurements, see `LogMonomials`; None keeps its own values.
    """

    k: int
    on_change: float | None = None
    degrees: tuple[int, ...] = ()
    samples: int | None = None
    max_off_support: int | None = None

    def task(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `TeacherAndStudents.task`."""
        return {}, {"k": self.k}

    def harvest(self, seed: int) -> list[dict[str, Any]]:
        """See `TeacherAndStudents.harvest`; the monomials of reported seeds alone."""
        rule = {"every_n_steps": self.spacing, "on_change": self.on_change}
        callbacks = [{"class_path": "HarvestCheckpoints", "init_args": rule}]
        if self.degrees and seed in self.seeds:
            size = {"samples": self.samples, "max_off_support": self.max_off_support}
            given = {name: value for name, value in size.items() if value is not None}
            measured = {**rule, "degrees": list(self.degrees), **given}
            callbacks.append({"class_path": "LogMonomials", "init_args": measured})
        return callbacks

    def with_width(self, width: int) -> Parity:
        """Return the same setting with other students."""
        return replace(self, student_width=width)


@dataclass(frozen=True)
class Widths:
    """A setting and the widths compared in it, ascending."""

    parity: Parity
    widths: tuple[int, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that are reported."""
        return self.parity.seeds


_SMOKE = Parity(
    configs=("sparse_parity_mlp", "smoke/sparse_parity_mlp"),
    d=12,
    k=3,
    teacher_width=200,
    student_width=10,
    num_steps=20_000,
    student_steps=20_000,
    eval_every=1000,
    spacing=1000,
    teacher_lr=1e-2,
    rates=(1e-2,),
    T=4000,
    seeds=(0,),
    tuning_seeds=(),
)
_LAPTOP = Parity(
    configs=("sparse_parity_mlp",),
    d=50,
    k=4,
    teacher_width=3000,
    student_width=25,
    num_steps=110_000,
    student_steps=110_000,
    eval_every=2500,
    spacing=2500,
    teacher_lr=1e-2,
    rates=(1e-2, 5e-3, 1e-3),
    T=10_000,
)
_PAPER = Parity(
    configs=("sparse_parity_mlp", "paper/sparse_parity_mlp"),
    d=100,
    k=6,
    teacher_width=50_000,
    student_width=100,
    num_steps=20_000_000,
    student_steps=20_000_000,
    eval_every=100_000,
    spacing=100_000,
    teacher_lr=5e-3,
    rates=(1e-2, 5e-3, 1e-3),
    T=1_000_000,
)

SETTINGS: dict[Scale, Parity] = {"smoke": _SMOKE, "laptop": _LAPTOP, "paper": _PAPER}

# At d = 50 the middle checkpoint teaches just as well, but shows no gap at degree 1; at d = 100 it does.
SETTINGS_FIG2: dict[Scale, Parity] = {
    "smoke": replace(_SMOKE, degrees=(1,)),
    "laptop": replace(
        _LAPTOP,
        d=100,
        teacher_width=4000,
        teacher_lr=5e-3,
        student_width=50,
        num_steps=1_000_000,
        student_steps=200_000,
        eval_every=5000,
        spacing=50_000,
        on_change=0.03,
        degrees=(1,),
        T=50_000,
    ),
    "paper": replace(_PAPER, degrees=(1, 2, 3)),
}

SETTINGS_FIG8: dict[Scale, Parity] = {
    scale: replace(setting, student_width=width)
    for (scale, setting), width in zip(SETTINGS_FIG2.items(), (100, 500, 1000), strict=True)
}

# The published task and lengths. The students' rate is not searched: one seed, and days otherwise.
SETTINGS_FIG2_FULL: dict[Scale, Parity] = {
    "smoke": SETTINGS_FIG2["smoke"],
    "laptop": replace(
        SETTINGS_FIG2["paper"], teacher_width=10_000, rates=(1e-2,), seeds=(0,), tuning_seeds=()
    ),
    "paper": SETTINGS_FIG2["paper"],
}
SETTINGS_FIG8_FULL: dict[Scale, Parity] = {
    scale: setting.with_width(100 if scale == "smoke" else 1000)
    for scale, setting in SETTINGS_FIG2_FULL.items()
}

# With 100,000 samples the noise of an estimate is as large as what is left of degree 2 off the support.
SETTINGS_FIG9: dict[Scale, Parity] = {
    "smoke": replace(_SMOKE, degrees=(1, 2, 3)),
    "laptop": replace(
        SETTINGS_FIG2["laptop"],
        teacher_lr=1e-2,
        num_steps=500_000,
        degrees=(1, 2, 3),
        samples=200_000,
        max_off_support=1000,
        T=10_000,
    ),
    "paper": replace(_PAPER, teacher_lr=1e-2, degrees=(1, 2, 3), T=100_000),
}

SETTINGS_FIG7: dict[Scale, Widths] = {
    "smoke": Widths(_SMOKE, (10, 200)),
    "laptop": Widths(
        replace(_LAPTOP, student_steps=200_000, eval_every=2500, seeds=(0, 1, 2, 3, 4)), (25, 200, 3000)
    ),
    "paper": Widths(replace(_PAPER, seeds=(0, 1, 2, 3, 4)), (100, 1000, 50_000)),
}


def accuracy_rows(method: str, seed: int, rate: float, run: Finished) -> list[Row]:
    """Return the test accuracy of a run as rows of data.csv."""
    return [
        {"method": method, "seed": seed, "lr": rate, "step": step, "accuracy": accuracy}
        for step, accuracy in run.history("test/accuracy")
    ]


def curves(rows: Sequence[Row], method: str | int) -> list[list[tuple[float, float]]]:
    """Return one accuracy curve a seed."""
    chosen = [row for row in rows if row["method"] == method]
    seeds = sorted({row["seed"] for row in chosen})
    return [[(r["step"], r["accuracy"]) for r in chosen if r["seed"] == seed] for seed in seeds]


def finals(rows: Sequence[Row], method: str | int) -> list[float]:
    """Return the last accuracy of each seed."""
    return [curve[-1][1] for curve in curves(rows, method)]


def steps_to(rows: Sequence[Row], method: str | int, accuracy: float) -> list[float]:
    """Return, for each seed, the first step at which an accuracy is reached (inf if never)."""
    return [next((s for s, a in curve if a >= accuracy), float("inf")) for curve in curves(rows, method)]


def accuracy_at(rows: Sequence[Row], method: str, step: float) -> list[float]:
    """Return each seed's accuracy at the last evaluation not after ``step``."""
    return [[a for s, a in curve if s <= step][-1] for curve in curves(rows, method)]
