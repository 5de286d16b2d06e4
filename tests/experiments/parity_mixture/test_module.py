"""Parity mixtures: the two losses, the four metrics, and what is refused."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.optim import AdamW

from lit_curriculum.cli.main import main
from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.lego import LegoData
from lit_curriculum.experiments.parity_mixture import ParityMixtureData, ParityMixtureGPT
from lit_curriculum.reading import read_table
from lit_curriculum.training.learning_rate import WarmupDecay
from lit_curriculum.training.metrics import computed
from tests.support import config, fit, in_child

RUN = [config("parity_mixture"), config("smoke/parity_mixture")]
TINY: dict[str, Any] = {"width": 8, "layers": 1, "heads": 2, "initializer_range": 0.3}


def data(**arguments: Any) -> ParityMixtureData:
    return ParityMixtureData(**{"n": 6, "num_steps": 20, "eval_every": 10, "batch_size": 16, **arguments})


def test_a_batch_holds_both_labels_of_every_sample() -> None:
    mixture = data(p=0.4)
    batch = mixture.draw("train", 7, 200)
    bits = 2 * batch["inputs"][:, 6:].float() - 1
    assert torch.equal(batch["sums"], bits[:, :3].sum(1) / 6)
    assert torch.equal(batch["labels"], (bits[:, :3].prod(1) < 0).long())
    assert torch.equal(batch["is_sum"], batch["inputs"][:, 0] == 1)
    assert torch.equal(~batch["is_sum"], batch["inputs"][:, 1] == 1)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_held_out_streams_take_both_tasks_in_turn_whatever_p(p: float) -> None:
    mixture = data(p=p)
    assert mixture.draw("val", 3, 5)["is_sum"].tolist() == [True, False, True, False, True]
    assert mixture.draw("train", 0, 50)["is_sum"].tolist() == [p == 1] * 50


def test_the_loss_is_each_samples_own() -> None:
    module, batch = ParityMixtureGPT(6, **TINY), data(p=0.5).draw("train", 0, 30)
    loss, count = module.batch_loss(batch)
    expected = []
    for i in range(30):
        sum_head, z = module(batch["inputs"][i : i + 1])[0].tolist()
        if batch["is_sum"][i]:
            expected.append((sum_head - float(batch["sums"][i])) ** 2)
        else:
            odd = torch.sigmoid(torch.tensor(z, dtype=torch.float64))
            expected.append(-float(torch.log(odd if batch["labels"][i] else 1 - odd)))
    assert count == 30
    assert float(loss) == pytest.approx(sum(expected) / 30, abs=1e-5)
    assert {bool(asked) for asked in batch["is_sum"]} == {True, False}


def test_the_rate_stays_as_in_the_paper_or_falls_along_a_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ParityMixtureGPT, "data", data())
    rates = {}
    for schedule, decay in {"constant": "none", "cosine": "cosine"}.items():
        scheduler = partial(WarmupDecay, decay=decay)
        module = ParityMixtureGPT(6, **TINY, optimizer=partial(AdamW, lr=0.5), lr_scheduler=scheduler)
        made = module.configure_optimizers()
        rates[schedule] = []
        for _ in range(20):
            rates[schedule].append(made["optimizer"].param_groups[0]["lr"])
            made["optimizer"].step()
            made["lr_scheduler"]["scheduler"].step()
    assert rates["constant"] == [0.5] * 20
    assert rates["cosine"] == pytest.approx([0.25 + 0.25 * math.cos(math.pi * t / 20) for t in range(20)])


def test_a_run_records_both_tasks(tmp_path: Path) -> None:
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    state = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    module = ParityMixtureGPT(6, width=16, layers=1, heads=2)
    module.load_state_dict({key: value for key, value in state.items() if key.startswith("model.")})
    row = read_table(tmp_path / "run" / "metrics.csv")[-1]
    for stream in ("val", "test"):
        batch = data().draw(stream, 0, 64)  # type: ignore[arg-type]
        predicted = module(batch["inputs"]).detach()
        parity, of_sum = predicted[0::2, 1], predicted[1::2, 0]
        errors = of_sum - batch["sums"][1::2]
        shown = {
            "accuracy": ((parity > 0) == (batch["labels"][0::2] == 1)).float().mean(),
            "loss": functional.binary_cross_entropy_with_logits(parity, batch["labels"][0::2].float()),
            "sum_rmse": errors.square().mean().sqrt(),
            "sum_accuracy": (errors.abs() < 1 / 6).float().mean(),
        }
        for name, value in shown.items():
            assert float(row[f"{stream}/{name}"]) == pytest.approx(float(value), abs=1e-5), name


def test_predictions_hold_both_tasks(tmp_path: Path) -> None:
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    words = ["predict", *(word for path in RUN for word in ("--config", path))]
    checkpoint = str(tmp_path / "run" / "checkpoints" / "last.ckpt")
    words += ["--run_dir", str(tmp_path / "run"), "--ckpt_path", checkpoint]
    assert in_child(lambda: main([*words, "--trainer.enable_progress_bar=false"])) == 0
    from safetensors.torch import load_file

    written = load_file(tmp_path / "run" / "predictions.safetensors")
    batch = data().draw("test", 0, 64)
    for name in ("labels", "sums", "is_sum"):
        assert torch.equal(written[name], batch[name])
    right = (written["probabilities"].argmax(-1) == written["labels"])[0::2].float().mean()
    row = read_table(tmp_path / "run" / "metrics.csv")[-1]
    assert float(row["test/accuracy"]) == pytest.approx(float(right), abs=1e-6)


def test_a_teacher_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "trainer: {callbacks: [{class_path: SwapTeacher, init_args: {bank: nowhere, tau: 1.0, "
        "strategy: {class_path: OneShot}}}]}\n"
    )
    assert fit(tmp_path / "run", *RUN, str(overlay)) == 2
    message = capsys.readouterr().err
    assert message.startswith("lit: error: trainer.callbacks: got 'SwapTeacher'")
    assert "ParityMixtureGPT" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            LegoData(20, eval_every=10),
            "data: got 'LegoData'; allowed: ParityMixtureData with ParityMixtureGPT",
        ),
        (data(n=7), "model.n: got 6; allowed: the data's n = 7"),
    ],
)
def test_data_that_do_not_fit_are_refused(given: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        ParityMixtureGPT(6, **TINY).check_data(given)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: ParityMixtureGPT(6, width=10, heads=4), "width: got 10; allowed: a multiple of heads = 4"),
        (lambda: data(p=2.0), "p: got 2.0; allowed: a probability from 0 to 1"),
        (
            lambda: data(eval_samples=1),
            "data.eval_samples: got 1; allowed: an integer of at least 2, one of either task",
        ),
    ],
)
def test_wrong_arguments_are_refused(action: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        action()
    assert str(caught.value) == message


@pytest.mark.parametrize(("start", "asked"), [(0, {"loss", "accuracy"}), (1, {"sum_rmse", "sum_accuracy"})])
def test_a_batch_of_one_task_says_nothing_of_the_other(start: int, asked: set[str]) -> None:
    module = ParityMixtureGPT(6, **TINY)
    metrics = module.configure_metrics()
    module.update_metrics(metrics, data().draw("val", start, 1))
    assert computed(metrics, lambda mine: [mine]).keys() == asked
