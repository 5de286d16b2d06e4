"""Runs and settings that the PCFG-BERT figures share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lit_curriculum.papers.figure import Row, Scale
from lit_curriculum.papers.tuning import MakeRun
from lit_curriculum.runs.graph import Finished, Run


@dataclass(frozen=True)
class Pcfg:
    """What a scale sets.

    Attributes:
        configs: overlays of ``pcfg_bert`` that give grammar, batch and model.
        teacher_heads, student_heads: attention heads of 8 dimensions.
        num_steps: updates of the teacher.
        student_steps: updates of every student.
        spacing: updates between two harvested checkpoints and two measurements of M_robust.
        eval_every: updates between two evaluations.
        teacher_lr: the teacher's peak rate.
        rates: grid of the students' peak rates.
        candidates: checkpoints tried as the intermediate one of two-shot distillation.
        T: student steps under the intermediate checkpoint, one panel line each.
        step_cost: relative cost of a teacher's and of a student's update.
        seeds: seeds that are reported; data and model seed together.
        tuning_seeds: seeds that choose the rates.
    """

    configs: tuple[str, ...]
    teacher_heads: int
    student_heads: int
    num_steps: int
    student_steps: int
    spacing: int
    eval_every: int
    teacher_lr: float
    rates: tuple[float, ...]
    candidates: tuple[int, ...]
    T: tuple[int, ...]
    step_cost: tuple[float, float]
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100, 101)

    def teacher(self, seed: int) -> Run:
        """Return the teacher of a seed, with its checkpoints and M_robust and M_close at each."""
        callbacks = [
            {"class_path": "HarvestCheckpoints", "init_args": {"every_n_steps": self.spacing}},
            {"class_path": "LogNgrams", "init_args": {"every_n_steps": self.spacing}},
        ]
        settings = self._settings(self.teacher_heads, self.teacher_lr, seed, self.num_steps, callbacks)
        return Run("teacher", self.configs, settings, (), self.num_steps * self.step_cost[0])

    def student(
        self, rate: float, seed: int, teach: dict[str, Any] | None = None, report: bool = True
    ) -> Run:
        """Return a student; ``teach`` holds SwapTeacher's strategy and tau, None trains with labels.

        All students of a seed see the same batches, so its teacher's labels are computed once.
        """
        callbacks: list[dict[str, Any]] = []
        needs: tuple[Run, ...] = ()
        if teach is not None:
            callbacks = [{"class_path": "SwapTeacher", "init_args": {"bank": "{bank}", **teach}}]
            needs = (self.teacher(seed),)
        settings = self._settings(
            self.student_heads, rate, seed + 1000, self.student_steps, callbacks, report
        )
        return Run("student", self.configs, settings, needs, self.student_steps * self.step_cost[1])

    def methods(self, teach: dict[str, dict[str, Any] | None]) -> dict[str, MakeRun]:
        """Return, for each way to be taught, the function (rate, seed) -> tuning run."""

        def maker(how: dict[str, Any] | None) -> MakeRun:
            return lambda rate, seed: self.student(rate, seed, how, report=False)

        return {name: maker(how) for name, how in teach.items()}

    def _settings(
        self,
        heads: int,
        rate: float,
        seed: int,
        num_steps: int,
        callbacks: list[dict[str, Any]],
        report: bool = True,
    ) -> dict[str, Any]:
        return {
            "model": {"init_args": {"heads": heads, "lr": rate, "model_seed": seed}},
            "data": {
                "init_args": {
                    "num_steps": num_steps,
                    "eval_every": self.eval_every,
                    "data_seed": seed,
                    # Rates are chosen on val; only reported runs look at test.
                    "eval_streams": ["val", "test"] if report else ["val"],
                }
            },
            "trainer": {"callbacks": callbacks},
        }


SETTINGS_FIG4: dict[Scale, Pcfg] = {
    "smoke": Pcfg(
        configs=("pcfg_bert", "smoke/pcfg_bert"),
        teacher_heads=2,
        student_heads=1,
        num_steps=60,
        student_steps=20,
        spacing=10,
        eval_every=10,
        teacher_lr=3e-3,
        rates=(3e-3,),
        candidates=(10, 20),
        T=(5,),
        step_cost=(2.0, 1.0),
        seeds=(0,),
        tuning_seeds=(),
    ),
    "laptop": Pcfg(
        configs=("pcfg_bert",),
        teacher_heads=8,
        student_heads=2,
        num_steps=1600,
        student_steps=800,
        spacing=100,
        eval_every=50,
        teacher_lr=3e-3,
        rates=(3e-3,),
        candidates=(200, 300, 500, 800, 1200),
        T=(200,),
        step_cost=(5.0, 1.0),
    ),
    "paper": Pcfg(
        configs=("pcfg_bert", "paper/pcfg_bert"),
        teacher_heads=32,
        student_heads=8,
        num_steps=8000,
        student_steps=4000,
        spacing=1000,
        eval_every=250,
        teacher_lr=5e-3,
        rates=(1e-2, 7.5e-3, 5e-3, 2.5e-3, 1e-3),
        candidates=(1000, 2000, 3000, 4000, 5000),
        T=(500, 1000, 2000),
        step_cost=(6.0, 1.0),
    ),
}


def rows_of(method: str, seed: int, rate: float, run: Finished, *metrics: str) -> list[Row]:
    """Return metrics of a run as rows of data.csv."""
    return [
        row(method, seed, rate, metric, step, value)
        for metric in metrics
        for step, value in run.history(metric)
    ]


def row(method: str, seed: int, rate: float, quantity: str, step: int, value: float) -> Row:
    """Return one row of data.csv."""
    return {"method": method, "seed": seed, "lr": rate, "quantity": quantity, "step": step, "value": value}


def curves(rows: Sequence[Row], method: str, quantity: str) -> list[list[tuple[int, float]]]:
    """Return one curve a seed."""
    chosen = [r for r in rows if r["method"] == method and r["quantity"] == quantity]
    seeds = sorted({r["seed"] for r in chosen})
    return [[(int(r["step"]), float(r["value"])) for r in chosen if r["seed"] == seed] for seed in seeds]


def finals(rows: Sequence[Row], method: str) -> list[float]:
    """Return the last test accuracy of each seed."""
    return [curve[-1][1] for curve in curves(rows, method, "test/accuracy")]
