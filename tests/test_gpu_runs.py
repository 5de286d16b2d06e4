"""Whole runs on a GPU: ``make test-gpu``. Each is skipped, by name, where there is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.files import sha256_of
from lit_curriculum.models import build
from lit_curriculum.reading import read_table
from lit_curriculum.runs.folder import RunFolder
from tests.support import config, fit

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
ON_GPU = ("--trainer.accelerator=gpu", "--trainer.devices=1")
ON_CPU = ("--trainer.accelerator=cpu", "--trainer.devices=1")
TRANSFORMERS = ("pcfg_bert", "pcfg_gpt2", "sparse_parity_gpt2", "lego", "bit_subset_parity")


def smoke(name: str) -> list[str]:
    return [config(name), config(f"smoke/{name}")]


def column(run: Path, name: str) -> list[float]:
    return [float(row[name]) for row in read_table(run / "metrics.csv")]


def taught(bank: Path, **arguments: object) -> str:
    given = ", ".join(f"{name}: {value}" for name, value in arguments.items())
    strategy = "{class_path: Kappa, init_args: {kappa: 1.0}}"
    inside = f"bank: {bank}, strategy: {strategy}, tau: 1.0e-4" + (f", {given}" if given else "")
    return f"--trainer.callbacks=[{{class_path: SwapTeacher, init_args: {{{inside}}}}}]"


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_transformer_trains_on_the_gpu_as_on_the_processor(name: str, tmp_path: Path) -> None:
    assert fit(tmp_path / "gpu", *smoke(name), options=ON_GPU) == 0
    assert fit(tmp_path / "cpu", *smoke(name), options=ON_CPU) == 0
    ours, theirs = (column(tmp_path / folder, "train/loss") for folder in ("gpu", "cpu"))
    assert ours == pytest.approx(theirs, rel=0.02)
    assert ours != theirs  # else it has not run there


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_bfloat16_on_the_gpu_stays_near_single_precision(name: str, tmp_path: Path) -> None:
    assert fit(tmp_path / "full", *smoke(name), options=ON_GPU) == 0
    assert fit(tmp_path / "half", *smoke(name), options=(*ON_GPU, "--trainer.precision=bf16-mixed")) == 0
    ours, theirs = (column(tmp_path / folder, "train/loss") for folder in ("half", "full"))
    assert ours == pytest.approx(theirs, rel=0.1)


@pytest.mark.parametrize("name", ["pcfg_bert", "sparse_parity_gpt2"])
def test_cached_answers_teach_on_the_gpu_as_the_teacher_does(name: str, tmp_path: Path) -> None:
    assert fit(tmp_path / "teacher", *smoke(name), options=ON_GPU) == 0
    bank = tmp_path / "teacher" / "bank"
    for folder, label_cache in (("asked", "false"), ("cached", "true"), ("again", "true")):
        options = (*ON_GPU, taught(bank, label_cache=label_cache))
        assert fit(tmp_path / folder, *smoke(name), options=options) == 0
    asked, cached, again = (column(tmp_path / f, "train/loss") for f in ("asked", "cached", "again"))
    assert cached == again
    assert cached == pytest.approx(asked, abs=1e-4)
    assert (tmp_path / "again" / "swaps.csv").read_text() == (tmp_path / "asked" / "swaps.csv").read_text()


def test_a_bank_of_the_gpu_teaches_on_the_processor(tmp_path: Path) -> None:
    assert fit(tmp_path / "teacher", *smoke("pcfg_bert"), options=ON_GPU) == 0
    bank = tmp_path / "teacher" / "bank"
    assert CheckpointBank.open(bank).final.step > 0
    for folder, where in (("gpu", ON_GPU), ("cpu", ON_CPU)):
        assert fit(tmp_path / folder, *smoke("pcfg_bert"), options=(*where, taught(bank))) == 0
    ours, theirs = (column(tmp_path / folder, "train/loss") for folder in ("gpu", "cpu"))
    assert ours == pytest.approx(theirs, rel=0.02)


def test_muon_on_the_gpu(tmp_path: Path) -> None:
    options = (*ON_GPU, "--model.optimizer=MuonAdamW", "--model.optimizer.lr=0.01")
    assert fit(tmp_path / "run", *smoke("pcfg_bert"), options=options) == 0
    losses = column(tmp_path / "run", "train/loss")
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ["sparse_parity_minibatch", "pcfg_bert"])
def test_a_run_stopped_on_the_gpu_goes_on_to_the_same_weights(name: str, tmp_path: Path) -> None:
    dropout = ["--model.dropout=0.1"] if name == "pcfg_bert" else []
    length = [f"--data.num_steps={2000 if dropout else 40_000}", "--data.eval_every=100"]
    words = [sys.executable, "-m", "lit_curriculum", "fit"]
    words += [word for path in smoke(name) for word in ("--config", path)]
    words += [*ON_GPU, *length, *dropout, "--trainer.enable_progress_bar=false"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    environment = {**os.environ, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    deterministic = "--trainer.deterministic=true"
    subprocess.run([*words, deterministic, "--run_dir", str(whole)], check=True, env=environment)
    command = subprocess.Popen([*words, deterministic, "--run_dir", str(stopped)], env=environment)
    deadline = time.monotonic() + 300
    while not (stopped / "metrics.csv").is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    command.send_signal(signal.SIGTERM)
    assert command.wait(120) == 75
    subprocess.run([*words, deterministic, "--run_dir", str(stopped)], check=True, env=environment)
    banks = [sorted((run / "bank").glob("*.safetensors")) for run in (whole, stopped)]
    assert [sha256_of(path) for path in banks[0]] == [sha256_of(path) for path in banks[1]]
    assert column(whole, "train/loss") == column(stopped, "train/loss")


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
@pytest.mark.parametrize("name", ["sparse_parity_minibatch", "pcfg_bert"])
def test_two_gpus_train_the_same_model_as_one(name: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lit_curriculum", "fit"]
    words += [word for path in smoke(name) for word in ("--config", path)]
    words.append("--trainer.accelerator=gpu")
    for devices in ("1", "2"):
        run = ["--run_dir", str(tmp_path / devices), f"--trainer.devices={devices}"]
        subprocess.run([*words, *run, *(["--trainer.strategy=ddp"] if devices == "2" else [])], check=True)
        assert RunFolder(tmp_path / devices).finished
    assert column(tmp_path / "1", "train/loss") == pytest.approx(
        column(tmp_path / "2", "train/loss"), abs=1e-3
    )


@pytest.mark.parametrize("name", ["gpt2_decoder"])
def test_a_compiled_model_on_the_gpu_answers_as_the_plain_one(name: str) -> None:
    sizes = {"vocab_size": 2, "max_length": 8, "layers": 2, "heads": 2, "width": 16}
    model = build({"name": name, "init_args": sizes}, seed=0).cuda()
    tokens = torch.randint(0, 2, (4, 8), generator=torch.Generator().manual_seed(0)).cuda()
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(model)(tokens), model(tokens), rtol=1e-3, atol=1e-4)
