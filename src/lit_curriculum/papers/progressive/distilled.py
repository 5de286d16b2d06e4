"""A teacher a seed and its students, trained by batch-1 SGD: what the figures on parities share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from lit_curriculum.papers.tuning import MakeRun
from lit_curriculum.runs.graph import Run


@dataclass(frozen=True, kw_only=True)
class TeacherAndStudents:
    """What a scale sets, whatever the task; the names follow the paper.

    Attributes:
        configs: the base configuration and its overlays.
        d: coordinates of the task.
        teacher_width, student_width: hidden units.
        num_steps: samples of the teacher.
        student_steps: samples of every student.
        eval_every: samples between two evaluations.
        spacing: samples between two harvested checkpoints.
        teacher_lr: the teacher's rate.
        rates: grid of the students' rates.
        T: student steps under each intermediate checkpoint.
        seeds: seeds that are reported; data and model seed together.
        tuning_seeds: seeds that choose the rates.
    """

    configs: tuple[str, ...]
    d: int
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

    @abstractmethod
    def task(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what sets the task beside d, of the model and of the data."""

    @abstractmethod
    def harvest(self, seed: int) -> list[dict[str, Any]]:
        """Return the callbacks of a seed's teacher: what it keeps and measures."""

    def teacher(self, seed: int) -> Run:
        """Return the teacher of a seed; it harvests every ``spacing`` samples."""
        return self._run("teacher", self.teacher_width, self.teacher_lr, seed, self.harvest(seed))

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
        model, data = self.task()
        lengths = {"num_steps": num_steps, "eval_every": self.eval_every, "steps_per_call": self.eval_every}
        # Rates are chosen on val; only reported runs look at test.
        streams = ["val", "test"] if report else ["val"]
        settings = {
            "model": {"init_args": {"d": self.d, **model, "width": width, "lr": rate, "model_seed": seed}},
            "data": {
                "init_args": {"d": self.d, **data, **lengths, "data_seed": seed, "eval_streams": streams}
            },
            "trainer": {"callbacks": callbacks},
        }
        return Run(kind, self.configs, settings, needs, num_steps * (width * self.d + 20_000) * 1e-9)


def strategy(name: str, tau: float = 1e-4, **arguments: Any) -> dict[str, Any]:
    """Return SwapTeacher's arguments for a strategy class and its own arguments."""
    return {"strategy": {"class_path": name, "init_args": arguments}, "tau": tau}
