"""What must also be true on a GPU: ``make test-gpu``. Each is skipped, by name, where there is none."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.models import MLP, build
from lit_curriculum.online_sgd import choose_backend, train_population, train_samples
from lit_curriculum.reading import read_table
from lit_curriculum.tasks.counter import random_words
from lit_curriculum.tasks.counter_torch import random_words_torch
from lit_curriculum.tasks.sparse_parity import SparseParity
from tests.support import config, fit

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
Problem = tuple[MLP, torch.Tensor, torch.Tensor, torch.Tensor]


def test_counter_words_are_the_same_on_the_gpu() -> None:
    words = random_words_torch(2**63 + 5, "val", 2**33, 1000, 7, "mask", device="cuda")
    assert np.array_equal(words.cpu().numpy(), random_words(2**63 + 5, "val", 2**33, 1000, 7, "mask"))


def test_samples_are_the_same_on_the_gpu() -> None:
    task = SparseParity.create(100, 6, support_seed=3)
    x, y = task.sample_torch(1, "train", 10**6, 500, device="cuda")
    ours, labels = task.sample(1, "train", 10**6, 500)
    assert np.array_equal(x.cpu().numpy(), ours)
    assert np.array_equal(y.cpu().numpy(), labels)


def problem(width: int, n: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Problem:
    """Return a network, parity samples, soft targets and rates, all on the processor."""
    model = cast(
        MLP, build({"name": "mlp", "init_args": {"d": 20, "width": width, "n_classes": 2}}, seed=seed)
    )
    x, _ = SparseParity.create(20, 3).sample_torch(seed, "train", 0, n)
    targets = torch.softmax(torch.randn(n, 2, generator=torch.Generator().manual_seed(seed)), dim=1)
    return model.to(dtype), x.to(dtype), targets.to(dtype), torch.full((n,), 0.01, dtype=dtype)


@pytest.mark.parametrize("backend", ["reference", "triton"])
@pytest.mark.parametrize("width", [30, 1500])
def test_batch_1_sgd_on_the_gpu_agrees_with_the_processor(backend: str, width: int) -> None:
    """In float64, over whole blocks, parts of one, and calls that go on."""
    here, x, targets, rates = problem(width, 300)
    there = copy.deepcopy(here).cuda()
    expected = train_samples(here, x, targets, rates, backend="blocked")
    losses = [
        train_samples(there, *(t[rows].cuda() for t in (x, targets, rates)), backend=backend)
        for rows in (slice(0, 200), slice(200, 201), slice(201, 300))
    ]
    torch.testing.assert_close(torch.cat(losses).cpu(), expected, rtol=0, atol=1e-9)
    for a, b in zip(here.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(b.cpu(), a, rtol=0, atol=1e-9)


def test_ten_thousand_steps_in_single_precision_stay_near_the_processor() -> None:
    here, x, targets, rates = problem(500, 10_000, torch.float32)
    there = copy.deepcopy(here).cuda()
    train_samples(here, x, targets, rates, backend="blocked")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")  # a user's choice for its own models
    try:
        backend = choose_backend("auto", "cuda")
        train_samples(there, x.cuda(), targets.cuda(), rates.cuda(), backend=backend)
    finally:
        torch.set_float32_matmul_precision(before)
    # A unit whose pre-activation rounds to the other side of 0 differs by an update of the rate's size.
    for a, b in zip(here.parameters(), there.parameters(), strict=True):
        assert float((b.cpu() - a).abs().mean()) < 1e-5


def test_students_side_by_side_on_the_gpu_have_the_bits_of_students_alone() -> None:
    drawn = [problem(300, 150, torch.float32, seed) for seed in range(4)]
    models, x = [model.cuda() for model, *_ in drawn], drawn[0][1].cuda()
    targets, rates = [p[2].cuda() for p in drawn], [p[3].cuda() * (1 + i) for i, p in enumerate(drawn)]
    alone = copy.deepcopy(models)
    losses = train_population(models, x, targets, rates)
    for i, model in enumerate(alone):
        assert torch.equal(losses[i], train_samples(model, x, targets[i], rates[i], backend="triton"))
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), models[i].parameters(), strict=True))


def test_a_run_of_batch_1_sgd_on_the_gpu_learns_and_says_what_ran(tmp_path: Path) -> None:
    run = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]
    options = ("--trainer.accelerator=gpu", "--trainer.devices=1")
    assert fit(tmp_path / "run", *run, options=options) == 0
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["backend"] == "triton"
    assert CheckpointBank.open(tmp_path / "run" / "bank").final.metrics["val/accuracy"] > 0.9


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
