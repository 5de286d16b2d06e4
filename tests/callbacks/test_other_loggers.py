"""Loggers beside metrics.csv get what TensorBoard gets, and a resumed run goes on under its id."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import Logger

from lit_curriculum.cli.main import main
from lit_curriculum.cli.trainer_parts import keep_ids
from lit_curriculum.reading import read_table
from lit_curriculum.runs.folder import RunFolder

SMOKE = ["--config", "sparse_parity_minibatch", "--config", "smoke/sparse_parity_minibatch"]
SHORT = ["--data.num_steps=200", "--data.eval_every=50", "--trainer.log_every_n_steps=25"]
WRITTEN: list[tuple[int | None, str, float]] = []


class Remembering(Logger):
    """Keeps what it is given, in order."""

    name = "remembering"
    version = "1"

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        WRITTEN.extend((step, name, value) for name, value in metrics.items())

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing of it is asked for."""


def of(name: str) -> list[tuple[int | None, float]]:
    return [(step, value) for step, found, value in WRITTEN if found == name]


def test_a_logger_of_ones_own_gets_probes_rates_and_swaps(tmp_path: Path) -> None:
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    harvest = "{class_path: HarvestCheckpoints, init_args: {every_n_steps: 50}}"
    assert main(["fit", *SMOKE, "--run_dir", str(teacher), *SHORT, f"--trainer.callbacks=[{harvest}]"]) == 0
    WRITTEN.clear()
    probe = "{class_path: LogMonomials, init_args: {every_n_steps: 100}}"
    strategy = "{class_path: TwoShot, init_args: {T: 100, checkpoint: 50}}"
    swap = f"{{class_path: SwapTeacher, init_args: {{bank: {teacher}/bank, strategy: {strategy}}}}}"
    logger = f"{__name__}.Remembering"
    sys.modules.setdefault(logger.rpartition(".")[0], sys.modules[__name__])
    words = [f"--trainer.callbacks=[{probe}, {swap}]", f"--trainer.logger={logger}", "--data.data_seed=1"]
    trust = ["--trust", __name__]
    assert main(["fit", *SMOKE, "--run_dir", str(student), *SHORT, *words, *trust]) == 0

    assert of("teacher/checkpoint") == [(0, 50), (100, 200)]
    assert [step for step, _ in of("train/learning_rate")] == list(range(25, 201, 25))
    measured = {step for step, name, _ in WRITTEN if name.startswith("monomials/")}
    assert measured == {100, 200}
    rows = read_table(student / "metrics.csv")
    assert of("val/accuracy") == [(int(row["step"]), float(row["val/accuracy"])) for row in rows]
    steps = [step for step, _, _ in WRITTEN if step is not None]
    assert steps == sorted(steps)  # some services drop what comes late


def test_a_runs_id_is_drawn_once(tmp_path: Path) -> None:
    folder, other = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "other")
    assert folder.run_id == ""
    folder.begin("a: 1\n", {})
    first = folder.run_id
    folder.begin("a: 1\n", {})
    other.begin("a: 1\n", {})
    assert folder.provenance()["resumed"] == 1
    assert len(first) == 12
    assert folder.run_id == first != other.run_id


def test_weights_and_biases_goes_on_under_the_runs_id(tmp_path: Path) -> None:
    pytest.importorskip("wandb.sdk")
    from lightning.pytorch.loggers import WandbLogger

    ours, chosen = (WandbLogger(offline=True, save_dir=tmp_path, id=given) for given in (None, "mine"))
    keep_ids([ours, chosen], "0123abcd")
    assert (ours.version, chosen.version) == ("0123abcd", "mine")
    assert ours.experiment.id == "0123abcd"
    ours.experiment.finish()
