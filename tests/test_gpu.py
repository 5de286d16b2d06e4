"""What must also be true on a GPU: ``make test-gpu``. Each is skipped, by name, where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.experiments.rates import adamw
from lit_curriculum.files import read_table
from lit_curriculum.models import build
from lit_curriculum.online_sgd import choose_backend, train_samples
from lit_curriculum.tasks.counter import random_words
from lit_curriculum.tasks.counter_torch import random_words_torch
from lit_curriculum.tasks.sparse_parity import SparseParity
from tests.support import config, fit

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def test_counter_words_are_the_same_on_the_gpu() -> None:
    words = random_words_torch(2**63 + 5, "val", 2**33, 1000, 7, "mask", device="cuda")
    assert np.array_equal(words.cpu().numpy(), random_words(2**63 + 5, "val", 2**33, 1000, 7, "mask"))


def test_samples_are_the_same_on_the_gpu() -> None:
    task = SparseParity.create(100, 6, support_seed=3)
    x, y = task.sample_torch(1, "train", 10**6, 500, device="cuda")
    ours, labels = task.sample(1, "train", 10**6, 500)
    assert np.array_equal(x.cpu().numpy(), ours)
    assert np.array_equal(y.cpu().numpy(), labels)


def test_batch_1_sgd_on_the_gpu_agrees_with_the_processor() -> None:
    task = SparseParity.create(20, 3)
    description = {"name": "mlp", "init_args": {"d": 20, "width": 30, "n_classes": 2}}
    x, y = task.sample_torch(0, "train", 0, 200)
    targets, rates = torch.nn.functional.one_hot(y, 2).float(), torch.full((200,), 0.01)
    here, there = build(description, seed=0), build(description, seed=0).cuda()
    train_samples(here, x, targets, rates, backend="reference")
    backend = choose_backend("auto", "cuda")
    train_samples(there, x.cuda(), targets.cuda(), rates.cuda(), backend=backend)
    for a, b in zip(here.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(b.cpu(), a, rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_minibatch_training_runs_and_harvests_on_the_gpu(precision: str, tmp_path: Path) -> None:
    run = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]
    options = ("--trainer.accelerator=gpu", "--trainer.devices=1", f"--trainer.precision={precision}")
    assert fit(tmp_path / "run", *run, options=options) == 0
    bank = CheckpointBank.open(tmp_path / "run" / "bank")
    assert bank.final.step == 200
    assert bank.final.metrics["val/accuracy"] > 0.9


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gpt2_learns_bit_subset_parity_on_the_gpu_and_stops(precision: str, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("trainer: {callbacks: [{class_path: StopWhenLearned}]}\n")
    options = ("--trainer.accelerator=gpu", "--trainer.devices=1", f"--trainer.precision={precision}")
    short = ("--data.d=8", "--data.num_steps=1000", "--data.eval_every=10")
    run = [config("bit_subset_parity"), str(overlay)]
    assert fit(tmp_path / "run", *run, options=(*options, *short)) == 0
    last = read_table(tmp_path / "run" / "metrics.csv")[-1]
    assert float(last["test/accuracy"]) == 1.0
    assert int(last["step"]) < 1000


def test_gpt2_on_the_gpu_has_the_gradients_of_the_processor() -> None:
    sizes = {"vocab_size": 2, "max_length": 8, "layers": 2, "heads": 2, "width": 16}
    description = {"name": "gpt2_decoder", "init_args": sizes}
    tokens = torch.randint(0, 2, (4, 8), generator=torch.Generator().manual_seed(0))
    here, there = build(description, seed=0), build(description, seed=0).cuda()
    for model, given in ((here, tokens), (there, tokens.cuda())):
        torch.nn.functional.cross_entropy(model(given).flatten(0, 1), given.flatten()).backward()
    for a, b in zip(here.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(b.grad.cpu(), a.grad, rtol=1e-3, atol=1e-5)
    assert adamw(there.parameters(), lr=1e-3).defaults["fused"]
    assert not adamw(here.parameters(), lr=1e-3).defaults["fused"]
