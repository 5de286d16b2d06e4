"""Parity roads on GPT-2: what each kind of supervision trains, how all are evaluated, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torchmetrics import MetricCollection

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.lego import LegoData
from lit_curriculum.experiments.parity_roads import ParityRoadsData, ParityRoadsGPT
from lit_curriculum.reading import read_table
from lit_curriculum.training.positions import Positions
from tests.support import config, fit, in_child

RUN = [config("parity_roads"), config("smoke/parity_roads")]
KINDS = ("answer", "sum", "outputs", "sequence")
N, K = 8, 4


def data(**arguments: Any) -> ParityRoadsData:
    given = {"n": N, "k": K, "num_steps": 20, "eval_every": 10, "batch_size": 16, "eval_samples": 32}
    return ParityRoadsData(**{**given, **arguments})


def module(**arguments: Any) -> ParityRoadsGPT:
    return ParityRoadsGPT(**{"layers": 1, "heads": 2, "head_size": 4, "initializer_range": 0.3, **arguments})


def bits(batch: dict[str, Any]) -> torch.Tensor:
    return batch["inputs"]["input_ids"][:, :N]


def test_all_kinds_see_the_same_strings_and_are_held_out_alike() -> None:
    drawn = [data(supervision=kind) for kind in KINDS]
    train = [one.draw("train", 5, 40) for one in drawn]
    assert all(torch.equal(bits(batch), bits(train[0])) for batch in train)
    held_out = [one.draw("test", 0, 32) for one in drawn]
    assert all(torch.equal(batch["labels"], held_out[0]["labels"]) for batch in held_out)
    for batch in held_out:
        assert len(batch["labels"]) == 32 * (K - 1)
        assert (batch["inputs"]["input_ids"][:, N] == K + 1).all()  # asks for the parity
    assert len({str(one.describe_task()) for one in drawn}) == 1


def test_what_is_trained_is_the_kinds_own_labels_at_their_places() -> None:
    strings = bits(data().draw("train", 0, 200))
    partial = strings[:, :K].cumsum(1)[:, 1:] % 2
    length = N + K - 1
    for kind in KINDS:
        batch = data(supervision=kind, p=0.25).draw("train", 0, 200)
        tokens, labels = batch["inputs"]["input_ids"], batch["labels"].view(200, -1)
        places = batch["inputs"]["targets"].view(200, -1) - length * torch.arange(200)[:, None]
        if kind in ("outputs", "sequence"):
            assert torch.equal(labels, partial)
            assert (places == torch.arange(N, length)).all()
            slots = tokens[:, N + 1 :]
            assert torch.equal(slots, partial[:, :-1]) if kind == "sequence" else (slots == K + 3).all()
            continue
        assert (places == length - 1).all()
        asks = tokens[:, N] == K + 2
        expected = torch.where(asks, strings[:, :K].sum(1), partial[:, -1])
        assert torch.equal(labels[:, 0], expected)
        assert int(asks.sum()) == 0 if kind == "answer" else 30 <= int(asks.sum()) <= 70


def test_a_written_sequence_is_evaluated_by_what_the_model_itself_writes() -> None:
    """The oracle reads everything again for each token."""
    made, ours = module(), data(supervision="sequence")
    made.trainer = type("Trainer", (), {"datamodule": ours})()  # type: ignore[assignment]
    batch = ours.draw("val", 0, 32)
    metrics = MetricCollection({"positions": Positions(K - 1, K - 2)})
    made.update_metrics(metrics, batch)
    read, right = batch["inputs"]["input_ids"][:, : N + 1], []
    labels = batch["labels"].view(32, K - 1)
    for j in range(K - 1):
        written = made.model(read)[:, -1].argmax(-1)
        right.append((written == labels[:, j]).double().mean().item())
        read = torch.cat([read, written[:, None]], 1)
    found = metrics.compute()
    assert [found[f"position_{j}"] for j in range(1, K)] == pytest.approx(right)
    assert found["accuracy"] == found[f"position_{K - 1}"]


def test_blanks_are_evaluated_in_one_pass() -> None:
    made, ours = module(), data(supervision="outputs")
    made.trainer = type("Trainer", (), {"datamodule": ours})()  # type: ignore[assignment]
    batch = ours.draw("val", 0, 32)
    probabilities = made.predict_batch(batch)["probabilities"]
    whole = torch.softmax(made.model(batch["inputs"]["input_ids"])[:, N:], -1)
    torch.testing.assert_close(probabilities, whole.flatten(0, 1))


def test_a_student_learns_from_a_bank_of_another_width(tmp_path: Path) -> None:
    overlay = tmp_path / "student.yaml"
    overlay.write_text(
        "model: {init_args: {heads: 1}}\ndata: {init_args: {data_seed: 4}}\n"
        "trainer: {callbacks: [{class_path: SwapTeacher, init_args: {bank: "
        f"{tmp_path / 'teacher' / 'bank'}, strategy: {{class_path: OneShot}}, label_cache: false}}}}]}}\n"
    )
    harvest = ("--trainer.callbacks+=HarvestCheckpoints", "--trainer.callbacks.every_n_steps=10")
    assert in_child(lambda: fit(tmp_path / "teacher", *RUN, options=harvest)) == 0
    assert in_child(lambda: fit(tmp_path / "student", *RUN, str(overlay))) == 0
    assert [row["teacher_step"] for row in read_table(tmp_path / "student" / "swaps.csv")] == ["20"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"supervision": "both"}, "data.supervision: got 'both'; allowed: answer, sum, outputs, sequence"),
        ({"p": 1.5}, "data.p: got 1.5; allowed: a probability from 0 to 1"),
        ({"n": 3}, "data.n: got 3; allowed: an integer from 4 to 128"),
        ({"n": 129}, "data.n: got 129; allowed: an integer from 4 to 128"),
        ({"k": 1}, "k: got 1; allowed: 2 <= k < n"),
        ({"eval_samples": 64}, "data.eval_samples: got 64; allowed: at most 32"),
    ],
)
def test_wrong_arguments_of_the_data_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        data(**arguments)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocab_size": 7}, "model.vocab_size: got 7; allowed: at least the data's 8"),
        ({"max_length": 10}, "model.max_length: got 10; allowed: at least the data's 11"),
    ],
)
def test_a_model_that_is_too_small_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        module(**arguments).check_data(data())
    assert str(caught.value) == message


def test_other_data_and_no_heads_are_refused() -> None:
    with pytest.raises(UsageError, match="ParityRoadsData with ParityRoadsGPT"):
        module().check_data(LegoData(num_steps=20, eval_every=10, chain_lengths=[3], n_names=9))
    with pytest.raises(UsageError, match=r"model\.heads: got 0"):
        module(heads=0)
