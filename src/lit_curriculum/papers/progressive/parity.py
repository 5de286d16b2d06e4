"""Runs and settings that the sparse-parity figures share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.papers.figure import Row, Scale
from lit_curriculum.papers.tuning import MakeRun
from lit_curriculum.runs.graph import Finished, Run


@dataclass(frozen=True)
class Parity:
    """What a scale sets; the names follow the paper.

    Attributes:
        config: overlays of ``sparse_parity_mlp`` that give d, k, widths, lengths and spacing.
        d, k: the task; repeated here only for what a figure prints.
        teacher_width, student_width: hidden units.
        num_steps: samples of the teacher.
        student_steps: samples of every student.
        eval_every: samples between two evaluations.
        spacing: samples between two harvested checkpoints.
        on_change: harvest also where the accuracy moved by this much.
        degrees: degrees of the monomials that reported teachers log wherever they harvest.
        samples, max_off_support: of these measurements, see `LogMonomials`; None keeps its own values.
        teacher_lr: the teacher's rate.
        rates: grid of the students' rates.
        T: student steps under the intermediate checkpoint of two-shot distillation.
        seeds: seeds that are reported; data and model seed together.
        tuning_seeds: seeds that choose the rates.
    """

    configs: tuple[str, ...]
    d: int
    k: int
    teacher_width: int
    student_width: int
    num_steps: int
    student_steps: int
    eval_every: int
    spacing: int
    teacher_lr: float
    rates: tuple[float, ...]
    T: int
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100, 101)
    on_change: float | None = None
    degrees: tuple[int, ...] = ()
    samples: int | None = None
    max_off_support: int | None = None

    def teacher(self, seed: int) -> Run:
        """Return the teacher of a seed; it harvests every ``spacing`` samples."""
        rule = {"every_n_steps": self.spacing, "on_change": self.on_change}
        callbacks = [{"class_path": "HarvestCheckpoints", "init_args": rule}]
        if self.degrees and seed in self.seeds:
            size = {"samples": self.samples, "max_off_support": self.max_off_support}
            given = {name: value for name, value in size.items() if value is not None}
            measured = {**rule, "degrees": list(self.degrees), **given}
            callbacks.append({"class_path": "LogMonomials", "init_args": measured})
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

    def methods(self, teach: dict[str, dict[str, Any] | None]) -> dict[str, MakeRun]:
        """Return, for each way to be taught, the function (rate, seed) -> tuning run."""

        def maker(how: dict[str, Any] | None) -> MakeRun:
            return lambda rate, seed: self.student(rate, seed, how, report=False)

        return {name: maker(how) for name, how in teach.items()}

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
        settings = {
            "model": {"init_args": {"d": self.d, "width": width, "lr": rate, "model_seed": seed}},
            "data": {
                "init_args": {
                    "d": self.d,
                    "k": self.k,
                    "num_steps": num_steps,
                    "eval_every": self.eval_every,
                    "steps_per_call": self.eval_every,
                    "data_seed": seed,
                    # Rates are chosen on val; only reported runs look at test.
                    "eval_streams": ["val", "test"] if report else ["val"],
                }
            },
            "trainer": {"callbacks": callbacks},
        }
        cost = num_steps * (width * self.d + 20_000) * 1e-9
        return Run(kind, self.configs, settings, needs, cost)

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


def strategy(name: str, tau: float = 1e-4, **arguments: Any) -> dict[str, Any]:
    """Return SwapTeacher's arguments for a strategy class and its own arguments."""
    return {"strategy": {"class_path": name, "init_args": arguments}, "tau": tau}


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
