"""Held-out metrics and predictions are the same bits on any number of processes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from lit_curriculum.reading import read_table
from lit_curriculum.training.base import CurriculumModule
from tests.support import CONFIGS, config, fit, in_child

# What is not divided cannot be trained on several processes, and is evaluated there all the same.
EXPERIMENTS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))

# Updates of batch 1 follow one another, and the theory's loop is not divided.
DIVIDED = [
    name
    for name in EXPERIMENTS
    if name not in ("elman", "elman_population", "hierarchical_parity", "sparse_parity_mlp", "sum_and_parity")
]


def arguments(name: str) -> list[str]:
    return [word for path in (name, f"smoke/{name}") for word in ("--config", config(path))]


def processes(world: int) -> tuple[str, ...]:
    return (f"--trainer.devices={world}", "--trainer.strategy=ddp_fork", "--trainer.accelerator=cpu")


def evaluated(command: str, checkpoint: Path, folder: Path, name: str, *options: str) -> dict[str, float]:
    """Evaluate a checkpoint in a child; return all digits of the metrics that the first process records."""
    written = folder / f"{command}.json"

    def action() -> int:
        real = CurriculumModule.record

        def record(module: CurriculumModule, metrics: dict[str, float], gaps: tuple[str, ...] = ()) -> None:
            real(module, metrics, gaps)
            if module.global_rank == 0:
                written.write_text(json.dumps(metrics))

        CurriculumModule.record = record  # type: ignore[method-assign]
        words = [command, *arguments(name), "--ckpt_path", str(checkpoint), "--run_dir", str(folder)]
        return main([*words, "--trainer.enable_progress_bar=false", *options])

    assert in_child(action) == 0
    found: dict[str, float] = json.loads(written.read_text()) if command != "predict" else {}
    return found


def compare(name: str, batch_size: int, world: int, tmp_path: Path) -> None:
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    if not checkpoint.exists():
        assert in_child(lambda: fit(tmp_path / "run", config(name), config(f"smoke/{name}"))) == 0
    options = () if name == "sum_and_parity" else (f"--data.eval_batch_size={batch_size}",)
    rows = []
    for folder, more in ((tmp_path / "one", ()), (tmp_path / "more", processes(world))):
        folder.mkdir(exist_ok=True)
        found = evaluated("validate", checkpoint, folder, name, *options, *more)
        evaluated("predict", checkpoint, folder, name, *options, *more)
        rows.append((found, (folder / "predictions.safetensors").read_bytes()))
    assert rows[0] == rows[1]
    assert rows[0][0]


def test_two_processes_validate_and_predict_as_one(tmp_path: Path) -> None:
    """64 strings: ten batches, the last one ragged."""
    compare("pcfg_bert", 7, 2, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_evaluated_alike_on_three_processes(name: str, tmp_path: Path) -> None:
    """In batches of which the last one is ragged, and in a single one, which leaves two without any."""
    for batch_size in (7, 1000):
        compare(name, batch_size, 3, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", DIVIDED)
def test_every_experiment_trains_alike_on_two_processes(name: str, tmp_path: Path) -> None:
    """The batch is the same, and the mean over it; what is left is the rounding of sums."""
    run = [config(name), config(f"smoke/{name}")]
    options = ("--trainer.callbacks=[]", "--data.num_steps=16", "--data.eval_every=8")
    for folder, more in (("one", ()), ("two", processes(2))):
        code = in_child(lambda f=folder, m=more: fit(tmp_path / f, *run, options=(*options, *m)))  # type: ignore[misc]
        assert code == 0
    one, two = (read_table(tmp_path / folder / "metrics.csv") for folder in ("one", "two"))
    for first, second in zip(one, two, strict=True):
        assert first.keys() == second.keys()
        for key in first.keys() - {"seconds"}:
            assert float(first[key]) == pytest.approx(float(second[key]), abs=1e-5), key


def test_the_evaluation_inside_a_run_of_two_is_that_of_one(tmp_path: Path) -> None:
    """The last row of a run of two processes, one of which gets no batch, and its last weights on one."""
    options = (*processes(2), "--data.eval_samples=50", "--data.eval_batch_size=1000")
    options += ("--trainer.callbacks=[]", "--data.num_steps=20")
    run = [config("pcfg_bert"), config("smoke/pcfg_bert")]
    assert in_child(lambda: fit(tmp_path / "two", *run, options=options)) == 0
    (tmp_path / "one").mkdir()
    checkpoint = tmp_path / "two" / "checkpoints" / "last.ckpt"
    found = evaluated("validate", checkpoint, tmp_path / "one", "pcfg_bert", *options[3:5])
    last = read_table(tmp_path / "two" / "metrics.csv")[-1]
    assert {name: repr(value) for name, value in found.items()} == {name: last[name] for name in found}
    assert found.keys() == {f"{stream}/{name}" for stream in ("val", "test") for name in ("loss", "accuracy")}


def test_metrics_do_not_depend_on_the_size_of_evaluation_batches(tmp_path: Path) -> None:
    """Other strings in a batch and other padding: only the rounding of the forward pass is left."""
    run = [config("pcfg_bert"), config("smoke/pcfg_bert")]
    assert in_child(lambda: fit(tmp_path / "run", *run, options=("--trainer.callbacks=[]",))) == 0
    checkpoint, found = tmp_path / "run" / "checkpoints" / "last.ckpt", []
    for size in (3, 1000):
        folder = tmp_path / str(size)
        folder.mkdir()
        options = (f"--data.eval_batch_size={size}", "--data.eval_samples=300")
        found.append(evaluated("validate", checkpoint, folder, "pcfg_bert", *options))
    for stream in ("val", "test"):
        assert found[0][f"{stream}/accuracy"] == found[1][f"{stream}/accuracy"]
        assert found[0][f"{stream}/loss"] == pytest.approx(found[1][f"{stream}/loss"], rel=1e-6)


@pytest.mark.slow
def test_correlations_with_monomials_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    """Without any learning: training in parts rounds otherwise, and is not what is compared."""
    run = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "trainer: {callbacks: [{class_path: LogMonomials, init_args: {every_n_steps: 100, degrees: [1, 2]}}]}"
        "\n"
        "model: {init_args: {optimizer: {init_args: {lr: 1.0e-30}}}}\n"
    )
    assert in_child(lambda: fit(tmp_path / "one", *run, str(overlay))) == 0
    assert in_child(lambda: fit(tmp_path / "two", *run, str(overlay), options=processes(2))) == 0
    one, two = ((tmp_path / name / "monomials.csv").read_bytes() for name in ("one", "two"))
    assert one == two
    assert re.search(rb"^200,", one, re.MULTILINE)
