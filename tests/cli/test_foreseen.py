"""Students are checked against the bank that their teacher will leave, before the teacher is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lit_curriculum.cli.foreseen import foreseen
from lit_curriculum.cli.main import main
from lit_curriculum.cli.workers import check_run
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.runs.graph import BANK, Run

CONFIGS = ("sparse_parity_mlp", "smoke/sparse_parity_mlp")
EVERY = [{"class_path": "HarvestCheckpoints", "init_args": {"every_n_steps": 1000}}]


def teacher(callbacks: Any = EVERY, **data: Any) -> Run:
    settings = {"data": {"init_args": {"num_steps": 4000, **data}}, "trainer": {"callbacks": callbacks}}
    return Run("teacher", CONFIGS, settings)


def student(of: Run, strategy: str, **given: Any) -> Run:
    taught = {"bank": BANK, "strategy": {"class_path": strategy, "init_args": given}}
    settings = {
        "data": {"init_args": {"num_steps": 3000}},
        "trainer": {"callbacks": [{"class_path": "SwapTeacher", "init_args": taught}]},
    }
    return Run("student", CONFIGS, settings, needs=(of,))


@pytest.mark.parametrize(
    ("strategy", "given", "told"),
    [
        ("TwoShot", {"T": 2999}, None),
        ("TwoShot", {"T": 3000}, "TwoShot.T: got 3000"),  # whichever checkpoint the middle will be
        ("TwoShot", {"T": 10, "checkpoint": 2500}, "got step 2500"),
        ("NT", {"N": 4, "T": 10}, None),
        ("NT", {"N": 5, "T": 10}, "strategy.N: got 5; allowed: at most 4"),
        ("NT", {"N": 4, "T": 1000}, "NT.T: got 1000"),
        ("Kappa", {"kappa": 1.0}, None),
        ("Explicit", {"checkpoints": [1000, 4000], "durations": [3000, 5]}, "Explicit.durations"),
    ],
)
def test_a_schedule_that_will_not_fit_is_told(
    tmp_path: Path, strategy: str, given: dict[str, Any], told: str | None
) -> None:
    wrong = check_run(student(teacher(), strategy, **given), tmp_path)
    assert wrong is None if told is None else told in str(wrong)
    assert not list(tmp_path.iterdir())


def test_a_teacher_of_another_task_is_told(tmp_path: Path) -> None:
    assert "learned support = [0, 1]" in str(check_run(student(teacher(k=2), "OneShot"), tmp_path))


@pytest.mark.parametrize(
    "more",
    [
        {"class_path": "HarvestCheckpoints", "init_args": {"on_change": 0.1}},
        {"class_path": "StopWhenLearned", "init_args": {"level": 0.9, "times": 1}},
    ],
    ids=lambda more: more["class_path"],
)
def test_steps_that_are_not_known_before_are_not_guessed(tmp_path: Path, more: dict[str, Any]) -> None:
    of = teacher([more] if "Harvest" in more["class_path"] else [*EVERY, more])
    assert foreseen(of, tmp_path) is None
    assert check_run(student(of, "NT", N=50, T=10), tmp_path) is None


@pytest.mark.parametrize(
    "rule",
    [{"every_n_steps": 1500}, {"at_steps": [7, 3000], "include_start": True}, {"log_spaced": 2}],
    ids=str,
)
def test_the_bank_is_the_one_that_a_run_leaves(
    tmp_path: Path, rule: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    of = teacher([{"class_path": "HarvestCheckpoints", "init_args": rule}])
    bank = foreseen(of, tmp_path)
    assert bank is not None
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(of.overlay(tmp_path))
    configs = [word for config in (*CONFIGS, str(overlay)) for word in ("--config", config)]
    words = ["--trainer.enable_progress_bar=false", "--trainer.logger=false"]
    assert main(["fit", *configs, "--run_dir", str(of.folder(tmp_path)), *words]) == 0
    left = CheckpointBank.open(of.folder(tmp_path) / "bank")
    assert (bank.folder, bank.steps, bank.model, bank.task) == (
        left.folder,
        left.steps,
        left.model,
        left.task,
    )
    assert [entry.samples for entry in bank] == [entry.samples for entry in left]
