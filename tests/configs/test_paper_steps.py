"""The published size of PCFG-BERT really trains: steps of the teacher and of a student, on a processor.

LIT_PAPER_STEPS says how many steps of the teacher; the published 20 take a quarter of an hour on one core.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.reading import read_table

STEPS = int(os.environ.get("LIT_PAPER_STEPS", "20"))
STUDENT_STEPS = 2
PAPER = ["--config", "pcfg_bert", "--config", "paper/pcfg_bert"]
# Sixteenths of the published batch at a time, which fit into memory; the update is that of the whole batch.
PARTS = ["--trainer.accumulate_grad_batches=16", "--trainer.accelerator=cpu", "--trainer.logger=false"]


def fit(folder: Path, steps: int, callback: str, *words: str) -> list[dict[str, str]]:
    length = [f"--data.num_steps={steps}", f"--data.eval_every={steps}", "--data.eval_samples=16"]
    run = ["--run_dir", str(folder), *length, *PARTS, f"--trainer.callbacks=[{callback}]", *words]
    assert main(["fit", *PAPER, *run]) == 0
    return read_table(folder / "metrics.csv")


@pytest.mark.slow
def test_teacher_and_student_of_the_published_size_train(tmp_path: Path) -> None:
    harvest = f"{{class_path: HarvestCheckpoints, init_args: {{every_n_steps: {max(1, STEPS // 2)}}}}}"
    (row,) = fit(tmp_path / "teacher", STEPS, harvest)
    assert int(row["samples"]) == 512 * STEPS
    # Before it has learned anything a prediction of three terminals costs about log 3.
    assert 0.5 < float(row["train/loss"]) < 3
    bank = CheckpointBank.open(tmp_path / "teacher" / "bank")
    assert bank.model["init_args"]["heads"] * bank.model["init_args"]["head_size"] == 256
    assert bank.steps[-1] == STEPS

    strategy = "{class_path: OneShot}"
    swap = f"{{bank: {bank.folder}, strategy: {strategy}, tau: 1.0, label_cache: false}}"
    swap = f"{{class_path: SwapTeacher, init_args: {swap}}}"
    (row,) = fit(tmp_path / "student", STUDENT_STEPS, swap, "--model.heads=8", "--data.data_seed=1")
    assert math.isfinite(float(row["val/loss"]))
    assert [r["teacher_step"] for r in read_table(tmp_path / "student" / "swaps.csv")] == [str(STEPS)]
