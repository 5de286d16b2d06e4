"""Batches and results do not depend on the number of devices."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.sparse_parity import SparseParityData, SparseParityMinibatchMLP
from lit_curriculum.reading import read_table
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.training.base import STATE
from lit_curriculum.training.base_data import _TrainingSteps
from tests.support import config, fit, in_child

RUN = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]


def final_weights(folder: Path) -> dict[str, torch.Tensor]:
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert isinstance(state, dict)
    return state


@pytest.mark.parametrize(("world", "accumulate"), [(2, 1), (1, 2), (4, 2)])
def test_the_slices_of_all_devices_are_the_global_batch(world: int, accumulate: int) -> None:
    data = SparseParityData(d=9, k=2, num_steps=6, batch_size=16, eval_every=6, data_seed=5)
    whole = _TrainingSteps(data, 0, 1, 1)
    parts = [_TrainingSteps(data, rank, world, accumulate) for rank in range(world)]
    assert len(parts[0]) == 6 * accumulate
    for step in range(6):
        pieces = [parts[r][step * accumulate + m] for m in range(accumulate) for r in range(world)]
        for name in ("inputs", "labels"):
            assert torch.equal(torch.cat([piece[name] for piece in pieces]), whole[step][name])
        assert {int(piece["first_step"]) for piece in pieces} == {step}


def test_what_a_batch_says_of_itself_stays_on_the_host() -> None:
    data = SparseParityData(d=9, k=2, num_steps=6, batch_size=16, eval_every=6, data_seed=5)
    batch = _TrainingSteps(data, 0, 1, 1)[3]
    moved = data.transfer_batch_to_device(batch, torch.device("meta"), 0)
    assert set(moved) == set(batch)
    assert {name for name, value in moved.items() if value.is_meta} == {"inputs", "labels"}
    assert int(moved["first_step"]) == 3


def test_two_processes_train_the_same_model_as_one(tmp_path: Path) -> None:
    two = ("--trainer.devices=2", "--trainer.strategy=ddp_fork", "--trainer.accelerator=cpu")
    assert in_child(lambda: fit(tmp_path / "one", *RUN)) == 0
    assert in_child(lambda: fit(tmp_path / "two", *RUN, options=two)) == 0
    assert RunFolder(tmp_path / "two").provenance()["finished"]  # by the processes that trained, not ours
    ours, theirs = final_weights(tmp_path / "one"), final_weights(tmp_path / "two")
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, rtol=0, atol=1e-6)
    a, b = (read_table(tmp_path / n / "metrics.csv") for n in ("one", "two"))
    assert [row["samples"] for row in a] == [row["samples"] for row in b]
    for row, other in zip(a, b, strict=True):
        for metric in ("val/accuracy", "test/accuracy"):
            assert float(row[metric]) == pytest.approx(float(other[metric]), abs=1e-3)
        assert float(row["train/loss"]) == pytest.approx(float(other["train/loss"]), abs=1e-6)


# Muon rounds its update to bfloat16, which enlarges what the order of a sum changes.
ADAMW = ("--model.optimizer=AdamW", "--model.optimizer.lr=0.001")
# Programs from [CLS]: devices see different numbers of labels, and the mean is over all of them.
MIXED = (
    "--model.readout=cls",
    "--data.readout=cls",
    "--data.supervision=mixture",
    "--data.p_intermediate=0.3",
)


def without_key_bias(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Leave out a bias of all keys alike: it changes no attention, and Adam blows up its gradient."""
    if name.endswith("key.bias"):
        return tensor[:0]
    if name.endswith("c_attn.bias"):  # GPT-2's queries, keys and values in one
        query, _, value = tensor.chunk(3)
        return torch.cat([query, value])
    return tensor


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("parity_mixture", ()),
        ("lego", (*ADAMW, "--data.train_samples=100")),
        ("lego", (*ADAMW, "--data.supervision=single")),
        ("programs", ADAMW),
        ("programs", (*ADAMW, *MIXED)),
    ],
)
def test_two_processes_train_transformers_as_one(name: str, options: tuple[str, ...], tmp_path: Path) -> None:
    """All that is recorded, parity mixtures' Sum errors and the accuracies of positions among it."""
    run = [config(name), config(f"smoke/{name}")]
    two = ("--trainer.devices=2", "--trainer.strategy=ddp_fork", "--trainer.accelerator=cpu")
    assert in_child(lambda: fit(tmp_path / "one", *run, options=options)) == 0
    assert in_child(lambda: fit(tmp_path / "two", *run, options=(*options, *two))) == 0
    ours, theirs = final_weights(tmp_path / "one"), final_weights(tmp_path / "two")
    for weight, tensor in ours.items():
        expected, got = (without_key_bias(weight, values) for values in (tensor, theirs[weight]))
        # Adam divides rounding by rounding where gradients are tiny: a twentieth of what one update can
        # move a weight. A batch cut wrongly would move all of them by more.
        torch.testing.assert_close(
            got, expected, rtol=0, atol=5e-5, msg=lambda text, w=weight: f"{w}: {text}"
        )
    a, b = (read_table(tmp_path / n / "metrics.csv") for n in ("one", "two"))
    assert len(a) == len(b) == 4
    for row, other in zip(a, b, strict=True):
        assert row.keys() == other.keys()
        for metric in row.keys() - {"seconds"}:
            value = float(row[metric])
            assert float(other[metric]) == pytest.approx(value, abs=1e-5, nan_ok=True), metric


def test_accumulation_changes_nothing_but_rounding(tmp_path: Path) -> None:
    assert in_child(lambda: fit(tmp_path / "one", *RUN)) == 0
    options = ("--trainer.accumulate_grad_batches=4",)
    assert in_child(lambda: fit(tmp_path / "four", *RUN, options=options)) == 0
    ours, theirs = final_weights(tmp_path / "one"), final_weights(tmp_path / "four")
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_two_real_processes_train_the_same_model_as_one(tmp_path: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "lit_curriculum", "fit", "--trainer.enable_progress_bar=false"]
    for path in RUN:
        command += ["--config", path]
    two = ["--trainer.devices=2", "--trainer.strategy=ddp", "--trainer.accelerator=cpu"]
    subprocess.run([*command, "--run_dir", str(tmp_path / "two"), *two], check=True)
    subprocess.run([*command, "--run_dir", str(tmp_path / "one")], check=True)
    ours, theirs = final_weights(tmp_path / "one"), final_weights(tmp_path / "two")
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, rtol=0, atol=1e-6)


def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    data = SparseParityData(d=9, k=2, num_steps=6, batch_size=15, eval_every=6)
    with pytest.raises(UsageError, match=r"data.batch_size: got 15; allowed: a multiple of 2 "):
        data.check_devices(2, 1)


@pytest.mark.parametrize(("saved", "now"), [(2, 1), (1, 2), (2, 4), (4, 2), (2, 2)])
def test_what_devices_had_counted_is_counted_once_by_others(saved: int, now: int) -> None:
    shares = torch.arange(1.0, saved + 1, dtype=torch.float64)
    state = {"step": 7, "loss_sum": shares, "loss_count": [3] * saved, "near_ties": list(range(saved))}
    totals = torch.zeros(3, dtype=torch.float64)
    for rank in range(now):
        module = SparseParityMinibatchMLP(6, 4)
        module.trainer = cast(Any, SimpleNamespace(world_size=now, global_rank=rank))
        module.on_load_checkpoint({STATE: state})
        losses = module.losses
        totals += torch.tensor([float(losses.total), losses.count, module.supervision.earlier_near_ties])
    assert totals.tolist() == [shares.sum(), 3 * saved, sum(range(saved))]


def test_a_run_goes_on_with_the_devices_that_began_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    two = ("--trainer.devices=2", "--trainer.strategy=ddp_fork", "--trainer.accelerator=cpu")
    run = tmp_path / "run"
    assert in_child(lambda: fit(run, *RUN, options=two)) == 0
    folder = RunFolder(run)
    record = {k: v for k, v in folder.provenance().items() if k != "finished"}  # killed just before its end
    folder.record(record)
    assert fit(run, *RUN) == 2
    line = capfd.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("lit: error: trainer.devices: got 1 in all")
    assert "begun on 2" in line
    assert folder.provenance() == record
    began = (f"--ckpt_path={run / 'checkpoints' / 'last.ckpt'}", "--data.num_steps=400")
    assert in_child(lambda: fit(tmp_path / "other", *RUN, options=began)) == 0
    assert in_child(lambda: fit(run, *RUN, options=two)) == 0
    assert folder.finished
