"""Training and evaluation count masked positions alone, and agree with a plain loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.pcfg_bert import PCFGBert, PCFGData
from lit_curriculum.models import build, describe
from lit_curriculum.reading import read_table
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL
from tests.support import config, fit, in_child

RUN = [config("pcfg_bert"), config("smoke/pcfg_bert")]
STEPS = 12
SHORT = ("--data.num_steps=12", "--data.eval_every=6")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pcfg") / "run"
    harvest = ("--trainer.callbacks.init_args.include_start=true", "--model.lr_scheduler.warmup_ratio=0.25")
    assert in_child(lambda: fit(folder, *RUN, options=(*SHORT, *harvest))) == 0
    return folder


def loop_data() -> PCFGData:
    return PCFGData(num_steps=STEPS, roots=[13, 14, 15], batch_size=16, eval_every=6, eval_samples=64)


def initial(run: Path) -> Any:
    bank = CheckpointBank.open(run / "bank")
    return bank.load(bank.at(0)).train().requires_grad_(True)


def test_training_equals_a_plain_loop_in_float64(run: Path) -> None:
    data, model = loop_data(), initial(run).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.95))
    losses = []
    for step in range(STEPS):
        factor = (step + 1) / 3 if step < 3 else 0.5 * (1 + math.cos(math.pi * (step - 3) / 9))
        optimizer.param_groups[0]["lr"] = 3e-3 * factor
        batch = data.draw("train", 16 * step, 16)
        logits = model(batch["inputs"]["input_ids"], batch["inputs"]["attention_mask"])
        loss = functional.cross_entropy(
            logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED_LABEL
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append((float(loss.detach()), data.count_targets(batch)))
    trained = CheckpointBank.open(run / "bank")
    state = trained.load(trained.final).state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(state[name].double(), tensor, rtol=0, atol=2e-5)
    row = read_table(run / "metrics.csv")[0]
    mean = sum(loss * n for loss, n in losses[:6]) / sum(n for _, n in losses[:6])
    assert float(row["train/loss"]) == pytest.approx(mean, abs=1e-5)
    assert 0 < float(row["train/padding_share"]) < 0.5


def test_evaluation_is_the_mean_over_masked_tokens(run: Path) -> None:
    data, bank = loop_data(), CheckpointBank.open(run / "bank")
    model = bank.load(bank.final)
    batch = data.draw("val", 0, 64)
    with torch.no_grad():
        logits = model(batch["inputs"]["input_ids"], batch["inputs"]["attention_mask"])
    masked = batch["labels"] != IGNORED_LABEL
    row = read_table(run / "metrics.csv")[-1]
    right = (logits.argmax(-1) == batch["labels"])[masked].float().mean()
    assert float(row["val/accuracy"]) == pytest.approx(float(right), abs=1e-6)
    loss = functional.cross_entropy(logits[masked], batch["labels"][masked])
    assert float(row["val/loss"]) == pytest.approx(float(loss), abs=1e-5)


def final_weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)[
        "state_dict"
    ]
    return state


@pytest.mark.parametrize(
    "options",
    [
        ("--trainer.accumulate_grad_batches=4",),
        ("--trainer.devices=2", "--trainer.strategy=ddp_fork", "--trainer.accelerator=cpu"),
    ],
    ids=["accumulation", "two processes"],
)
def test_parts_of_a_batch_train_the_same_model(options: tuple[str, ...], tmp_path: Path) -> None:
    assert in_child(lambda: fit(tmp_path / "one", *RUN, options=SHORT)) == 0
    assert in_child(lambda: fit(tmp_path / "parts", *RUN, options=(*SHORT, *options))) == 0
    ours, theirs = final_weights(tmp_path / "one"), final_weights(tmp_path / "parts")
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, rtol=0, atol=5e-5)
    for row, other in zip(
        *(read_table(tmp_path / name / "metrics.csv") for name in ("one", "parts")), strict=True
    ):
        for metric in ("train/loss", "val/loss", "test/loss", "train/padding_share"):
            assert float(row[metric]) == pytest.approx(float(other[metric]), abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dropout": 1.0}, "dropout: got 1.0"),
        ({"heads": 0}, "heads: got 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PCFGBert(max_length=27, **arguments)


def test_the_teacher_is_outside_the_student(run: Path, tmp_path: Path) -> None:
    overlay = student(tmp_path, run / "bank", "{class_path: Kappa, init_args: {kappa: 1.0}}")
    assert in_child(lambda: fit(tmp_path / "run", *RUN, overlay, options=SHORT)) == 0
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    plain = build(describe(PCFGBert(heads=1, layers=1, max_length=27).model))
    assert set(checkpoint["state_dict"]) == {f"model.{name}" for name in plain.state_dict()}
    swaps = read_table(tmp_path / "run" / "swaps.csv")
    bank = CheckpointBank.open(run / "bank")
    assert {row["sha256"] for row in swaps} <= {entry.sha256 for entry in bank}
    for entry in bank:
        load_file(bank.verify(entry))


def student(tmp_path: Path, bank: Path, strategy: str, tau: float = 0.0, more: str = "") -> str:
    """Write an overlay for a student with one head; return its path."""
    path = tmp_path / "student.yaml"
    path.write_text(
        "model: {init_args: {heads: 1, model_seed: 5}}\n"
        "data: {init_args: {data_seed: 5}}\n"
        "trainer: {callbacks: [{class_path: SwapTeacher, init_args: "
        f"{{bank: {bank}, tau: {tau}, strategy: {strategy}{more}}}}}]}}\n"
    )
    return str(path)


@pytest.mark.parametrize("tau", [0.0, 1e-3, 1.0])
def test_cached_and_uncached_students_are_identical(tau: float, run: Path, tmp_path: Path) -> None:
    import shutil

    bank = Path(shutil.copytree(run / "bank", tmp_path / "teacher" / "bank"))
    strategy = "{class_path: Explicit, init_args: {checkpoints: [10, 12], durations: [5, 1]}}"
    results = []
    for name, cache in (("off", "false"), ("cold", "true"), ("warm", "true")):
        overlay = student(tmp_path, bank, strategy, tau, f", label_cache: {cache}")
        assert in_child(lambda o=overlay, n=name: fit(tmp_path / n, *RUN, o, options=SHORT)) == 0
        results.append(final_weights(tmp_path / name))
        assert (bank.parent / "labels").exists() == (cache == "true" and tau < 1)
    for other in results[1:]:
        for name, tensor in results[0].items():
            assert torch.equal(tensor, other[name])
    tables = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in read_table(tmp_path / n / "metrics.csv")]
        for n in ("off", "cold", "warm")
    ]
    assert tables[0] == tables[1] == tables[2]


@pytest.mark.slow
def test_a_compiled_model_trains_the_same(run: Path, tmp_path: Path) -> None:
    action: Callable[[], int] = lambda: fit(  # noqa: E731
        tmp_path / "run",
        *RUN,
        options=(*SHORT, "--model.lr_scheduler.warmup_ratio=0.25", "--model.compile=true"),
    )
    assert in_child(action) == 0
    ours, theirs = final_weights(run), final_weights(tmp_path / "run")
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, rtol=0, atol=1e-4)


def test_updates_of_which_nothing_is_asked_leave_the_training_loss_out(tmp_path: Path) -> None:
    """One string an update and one token in five hundred: most evaluations have no training loss."""
    options = (
        "--data.mask_rate=2e-3",
        "--data.batch_size=1",
        "--data.eval_every=5",
        "--data.eval_samples=500",
    )
    options += ("--data.num_steps=60", "--trainer.callbacks=[]")
    assert (
        in_child(lambda: fit(tmp_path, config("pcfg_bert"), config("smoke/pcfg_bert"), options=options)) == 0
    )
    rows = read_table(tmp_path / "metrics.csv")
    data = PCFGData(num_steps=60, roots=[13, 14, 15], mask_rate=2e-3, batch_size=1, eval_every=5)
    asked = [data.count_targets(data.draw("train", step, 5)) > 0 for step in range(0, 60, 5)]
    assert [row["train/loss"] != "" for row in rows] == asked
    assert 0 < sum(asked) < len(asked)
    assert not {cell for row in rows for cell in row.values()} & {"nan", "inf"}
