"""Sparse parity as tokens: the data, the module, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_curriculum.distillation import CheckpointBank, LabelFlips
from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.sparse_parity import SparseParityData
from lit_curriculum.experiments.sparse_parity_gpt2 import SparseParityGPT, SparseParityTokens
from lit_curriculum.models import GPT2Reader, build
from lit_curriculum.reading import read_table
from tests.support import config, fit, in_child

RUN = [config("sparse_parity_gpt2"), config("smoke/sparse_parity_gpt2")]

STEPS = [5, 10, 15, 20, 25, 30, 35, 40]
GPT2 = {"vocab_size": 2, "max_length": 8, "layers": 2, "heads": 1, "width": 4, "initializer_range": 0.02}


def data(d: int = 8, k: int = 2, **given: Any) -> SparseParityTokens:
    return SparseParityTokens(
        **{"d": d, "k": k, "num_steps": 20, "eval_every": 10, "eval_samples": 32, **given}
    )


@pytest.mark.parametrize("support", [None, [1, 6]])
def test_the_label_is_the_parity_of_the_support(support: list[int] | None) -> None:
    batch = data(support=support).draw("train", 0, 200)
    columns = support or [0, 1]
    assert torch.equal(batch["labels"], batch["inputs"][:, columns].sum(1) % 2)
    assert set(batch["inputs"].unique().tolist()) == {0, 1}


def test_the_splits_share_no_string_and_an_epoch_has_each_once() -> None:
    ours = data()
    drawn = {
        split: {tuple(row) for row in ours.draw(split, 0, count)["inputs"].tolist()}  # type: ignore[arg-type]
        for split, count in {"val": 32, "test": 32, "train": 192}.items()
    }
    assert [len(strings) for strings in drawn.values()] == [32, 32, 192]
    assert len(set.union(*drawn.values())) == 256


def test_points_become_the_tokens_of_the_same_label() -> None:
    ours = data()
    x, y = ours.task.sample(0, "probe", 0, 50)
    tokens = ours.model_inputs(torch.from_numpy(x))
    assert (tokens[:, :2].sum(1) % 2).tolist() == y.tolist()


def test_a_network_that_reads_points_cannot_teach_one_that_reads_tokens() -> None:
    points = SparseParityData(8, 2, 20, eval_every=10)
    assert points.describe_task() != data().describe_task()


@pytest.mark.parametrize(
    ("arguments", "width", "inner"),
    [
        ({"heads": 4, "head_size": 8}, 32, 32),
        ({"heads": 4, "head_size": 16, "average_heads": True}, 16, 64),
    ],
)
def test_heads_are_put_side_by_side_or_averaged(arguments: dict[str, Any], width: int, inner: int) -> None:
    model = SparseParityGPT(8, **arguments).model
    assert isinstance(model, GPT2Reader)
    assert model.gpt2.config.n_embd == width
    assert all(block.attn.c_attn.weight.shape == (width, 3 * inner) for block in model.gpt2.h)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("teacher") / "run"
    assert in_child(lambda: fit(run, *RUN)) == 0
    return run / "bank"


def student(bank: Path, more: str = "") -> str:
    """Write the overlay of a student that follows a bank."""
    overlay = bank.parent / f"student{len(more)}.yaml"
    overlay.write_text(
        "model: {init_args: {heads: 1}}\n"
        f"trainer: {{callbacks: [{{class_path: SwapTeacher, init_args: {{bank: {bank}, strategy:"
        f" {{class_path: Kappa, init_args: {{kappa: 1.0}}}}{more}}}}}]}}\n"
    )
    return str(overlay)


def test_a_narrow_student_follows_a_wide_teacher(bank: Path, tmp_path: Path) -> None:
    """The whole way: harvest, swap, and answers that are kept for the next student."""
    assert [entry.step for entry in CheckpointBank.open(bank)] == STEPS
    overlay = student(bank)
    for name in ("one", "two"):
        assert in_child(lambda name=name: fit(tmp_path / name, *RUN, overlay)) == 0  # type: ignore[misc]
    assert [int(r["teacher_step"]) for r in read_table(tmp_path / "one" / "swaps.csv")] == STEPS
    assert list((bank.parent / "labels").glob("*/*.labels"))
    losses = [
        [r["train/loss"] for r in read_table(tmp_path / name / "metrics.csv")] for name in ("one", "two")
    ]
    assert losses[0] == losses[1]


def test_labels_can_be_as_wrong_as_the_teacher(bank: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert in_child(lambda: fit(run, *RUN, student(bank, ", noisy_labels: true"))) == 0
    assert [int(r["teacher_step"]) for r in read_table(run / "swaps.csv")] == STEPS
    errors = {e.step: 1 - e.metrics["val/accuracy"] for e in CheckpointBank.open(bank)}
    model = build({"name": "gpt2_reader", "init_args": GPT2}, seed=0)
    given = data(num_steps=40, batch_size=16)
    loss = 0.0
    for step in range(5):
        batch = given.draw("train", 16 * step, 16)
        targets = LabelFlips(errors[5], 0).of(batch["labels"], 2, step)
        assert not torch.equal(targets, batch["labels"])
        if step == 0:
            loss = float(torch.nn.functional.cross_entropy(model(batch["inputs"]), targets))
    # The initial model is nearly indifferent, so that any labels give about the same loss.
    assert loss == pytest.approx(math.log(2), abs=0.05)


def test_a_teacher_of_another_support_has_to_be_asked_for(
    bank: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = ("--data.support=[3, 5]",)
    assert in_child(lambda: fit(tmp_path / "refused", *RUN, student(bank), options=other)) == 2
    assert "learned support = [0, 1]; allowed: the student's support = [3, 5]" in capfd.readouterr().err
    taught = student(bank, ", other_task: true")
    assert in_child(lambda: fit(tmp_path / "same", *RUN, taught)) == 2
    message = "SwapTeacher.other_task: got True; allowed: a bank of another support than the student's"
    assert message in capfd.readouterr().err
    assert not (tmp_path / "same").exists()
    assert in_child(lambda: fit(tmp_path / "run", *RUN, taught, options=other)) == 0


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: SparseParityGPT(8, heads=0), "model.heads: got 0; allowed: an integer of at least 1"),
        (lambda: SparseParityGPT(8).check_data(data(9)), "model.d: got 8; allowed: the data's d = 9"),
        (
            lambda: SparseParityGPT(8).check_data(SparseParityData(8, 2, 20, eval_every=10)),
            "data: got 'SparseParityData'; allowed: SparseParityTokens with SparseParityGPT",
        ),
        (lambda: data(support=[1, 8]), "support: got [1, 8]; allowed: coordinates from 0 to d - 1 = 7"),
        (lambda: data(3), "d: got 3; allowed: an integer from 4 to 128"),
        (
            lambda: data(eval_samples=33),
            "data.eval_samples: got 33; allowed: at most 32, the strings of a held-out set at d = 8",
        ),
    ],
)
def test_wrong_arguments_are_refused(action: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        action()
    assert str(caught.value) == message
