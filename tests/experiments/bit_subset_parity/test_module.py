"""Bit-subset parity on GPT-2: what is read, what is trained, how it is evaluated, what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from lit_curriculum.cli.main import main
from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.bit_subset_parity import BitSubsetParityData, BitSubsetParityGPT
from lit_curriculum.experiments.lego import LegoData
from lit_curriculum.reading import read_table
from lit_curriculum.training.decoding_errors import DecodingErrors
from tests.support import config, fit, in_child

RUN = [config("bit_subset_parity"), config("smoke/bit_subset_parity")]
TINY: dict[str, Any] = {"max_length": 10, "width": 16, "layers": 1, "heads": 2}


def data(**arguments: Any) -> BitSubsetParityData:
    return BitSubsetParityData(**{"d": 8, "num_steps": 20, "eval_every": 10, "batch_size": 16, **arguments})


def module(**arguments: Any) -> BitSubsetParityGPT:
    return BitSubsetParityGPT(**{**TINY, **arguments})


def wired(given: BitSubsetParityData, **arguments: Any) -> BitSubsetParityGPT:
    """Return a module that knows its data without a Trainer."""

    class Wired(BitSubsetParityGPT):
        data = given

    return Wired(**{**TINY, **arguments})


def trained(folder: Path) -> BitSubsetParityGPT:
    """Return the model that a smoke run left."""
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    made = wired(data())
    made.load_state_dict({key: value for key, value in state.items() if key.startswith("model.")})
    return made.eval()


def reading_its_own(model: BitSubsetParityGPT, x: torch.Tensor, n: int) -> torch.Tensor:
    """Return the n tokens that are written one by one, everything read again for each (equation 15, test)."""
    for _ in range(n):
        x = torch.cat([x, model.model(x)[:, -1].argmax(-1, keepdim=True)], dim=1)
    return x[:, -n:]


def test_a_sequence_is_the_bits_and_all_labels_but_the_last() -> None:
    batch = data().draw("train", 3, 40)
    x, labels = batch["inputs"][:, :8], batch["labels"]
    assert batch["inputs"].shape == (40, 10)  # T = 3 d / 2 - 2
    assert torch.equal(batch["inputs"][:, 8:], labels[:, :2])
    assert torch.equal(labels, torch.from_numpy(data().task.labels(x.numpy())))
    bare = data(subtask_labels=False).draw("train", 3, 40)
    assert torch.equal(bare["inputs"], x)
    assert torch.equal(bare["labels"], labels[:, -1:])


def test_the_loss_begins_at_position_d() -> None:
    given = data()
    made = wired(given, initializer_range=0.3)
    batch = {**given.draw("train", 0, 30), "index": torch.tensor(0)}
    loss, count = made.batch_loss(batch)
    logits = made.model(batch["inputs"])
    whole = torch.cat([batch["inputs"], batch["labels"][:, -1:]], dim=1)
    terms = [functional.cross_entropy(logits[:, t - 1], whole[:, t]) for t in range(8, 11)]
    assert count == 90
    assert loss.item() == pytest.approx(sum(term.item() for term in terms) / 3, abs=1e-6)


def test_a_run_records_decoding_and_teacher_forcing(tmp_path: Path) -> None:
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    model = trained(tmp_path / "run")
    row = read_table(tmp_path / "run" / "metrics.csv")[-1]
    for stream in ("val", "test"):
        batch = data().draw(stream, 0, 32)  # type: ignore[arg-type]
        x, labels = batch["inputs"][:, :8], batch["labels"]
        forced = model.model(batch["inputs"])[:, 7:].detach()
        wrong = (forced.argmax(-1) != labels).float()
        written = reading_its_own(model, x, 3)
        shown = {
            "accuracy": (written[:, -1] == labels[:, -1]).float().mean(),
            "forced_accuracy": 1 - wrong[:, -1].mean(),
            "forced_errors": wrong.sum(1).mean(),
            "loss": functional.cross_entropy(forced.flatten(0, 1), labels.flatten()),
        }
        for name, value in shown.items():
            assert float(row[f"{stream}/{name}"]) == pytest.approx(float(value), abs=1e-5), name
    history = read_table(tmp_path / "run" / "metrics.csv")
    better = [int(r["step"]) for r in history if float(r["val/accuracy"]) > 0.6]
    assert row["val/better_than_random_at"] == str(better[0] if better else -1)


def test_it_learns_what_it_is_shown(tmp_path: Path) -> None:
    """8 bits, most of which a model of width 32 knows after 200 updates."""
    options = (
        "--model.width=32",
        "--model.layers=2",
        "--model.optimizer.lr=0.003",
        "--model.initializer_range=0.1",
    )
    options += ("--data.num_steps=300", "--data.eval_every=50", "--data.batch_size=64")
    assert in_child(lambda: fit(tmp_path / "run", *RUN, options=options)) == 0
    rows = read_table(tmp_path / "run" / "metrics.csv")
    assert float(rows[-1]["test/accuracy"]) > 0.8
    firsts = {row["val/better_than_random_at"] for row in rows} - {"-1"}
    assert firsts == {next(row["step"] for row in rows if float(row["val/accuracy"]) > 0.6)}


def test_two_processes_train_and_evaluate_as_one(tmp_path: Path) -> None:
    two = ("--trainer.devices=2", "--trainer.strategy=ddp_fork", "--trainer.accelerator=cpu")
    assert in_child(lambda: fit(tmp_path / "one", *RUN)) == 0
    assert in_child(lambda: fit(tmp_path / "two", *RUN, options=two)) == 0
    ours, theirs = (read_table(tmp_path / name / "metrics.csv") for name in ("one", "two"))
    assert len(ours) == len(theirs) == 4
    for row, other in zip(ours, theirs, strict=True):
        for name in ("loss", "accuracy", "forced_accuracy", "forced_errors", "better_than_random_at"):
            assert float(other[f"val/{name}"]) == pytest.approx(float(row[f"val/{name}"]), abs=1e-5), name


def test_predictions_are_decoded(tmp_path: Path) -> None:
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    words = ["predict", *(word for path in RUN for word in ("--config", path))]
    checkpoint = str(tmp_path / "run" / "checkpoints" / "last.ckpt")
    words += ["--run_dir", str(tmp_path / "run"), "--ckpt_path", checkpoint]
    assert in_child(lambda: main([*words, "--trainer.enable_progress_bar=false"])) == 0
    written = load_file(tmp_path / "run" / "predictions.safetensors")
    batch = data().draw("test", 0, 32)
    assert torch.equal(written["labels"], batch["labels"])
    expected = reading_its_own(trained(tmp_path / "run"), batch["inputs"][:, :8], 3)
    assert torch.equal(written["probabilities"].argmax(-1), expected)


def test_the_first_better_step_is_kept_by_a_checkpoint() -> None:
    first, second = wired(data()), wired(data())
    first.better_at = {"val": 40}
    checkpoint: dict[str, Any] = {}
    alone: Any = SimpleNamespace(world_size=1, global_rank=0)
    first._trainer = second._trainer = alone
    first.on_save_checkpoint(checkpoint)
    second.on_load_checkpoint(checkpoint)
    assert second.better_at == {"val": 40}


# --- Lemma 1 ----------------------------------------------------------------------------------------


def test_lemma_1_holds_for_models_that_have_learned_nothing() -> None:
    given = data()
    for seed in range(10):
        made = wired(given, initializer_range=0.4, model_seed=seed).eval()
        batch = given.draw("train", 0, 192)
        errors = DecodingErrors(1)
        with torch.no_grad():
            forced, decoded = made(batch["inputs"]), made.decode(batch["inputs"])
        errors.update(forced, decoded, batch["labels"], 1e-4)
        found = errors.compute()
        assert 1 - found["accuracy"] <= found["forced_errors"]


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            lambda: module().check_data(LegoData(20, eval_every=10)),  # type: ignore[arg-type]
            "data: got 'LegoData'; allowed: BitSubsetParityData with BitSubsetParityGPT",
        ),
        (
            lambda: module().check_data(data(d=16)),
            "model.max_length: got 10; allowed: at least the data's 22 tokens",
        ),
        (
            lambda: data(eval_samples=33),
            "data.eval_samples: got 33; allowed: at most 32, the strings of a held-out set at d = 8, or null",
        ),
        (
            lambda: data(d=12),
            "d: got 12; allowed: with subtask_labels, twice a power of two: 4, 8, 16, 32, 64 or 128",
        ),
    ],
)
def test_what_does_not_fit_is_refused(action: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        action()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data.d=9",), "d: got 9; allowed: an even integer from 4 to 128"),
        (
            ("--data.d=9", "--data.subtask_labels=false"),
            "d: got 9; allowed: an even integer from 4 to 128",
        ),
        (
            ("--data.d=12",),
            "d: got 12; allowed: with subtask_labels, twice a power of two: 4, 8, 16, 32, 64 or 128",
        ),
    ],
)
def test_a_wrong_d_is_one_line_and_exit_code_2(
    options: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(tmp_path / "run", *RUN, options=options) == 2
    assert capsys.readouterr().err == f"lit: error: data.{message}\n"
    assert not (tmp_path / "run").exists()
