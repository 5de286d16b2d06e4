"""The Elman experiment: the three algorithms, Lemma 1 in a run, devices, resuming, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.bit_subset_parity import BitSubsetParityData
from lit_curriculum.experiments.elman import ElmanData, ElmanSGD
from lit_curriculum.models import ElmanRNN, build
from lit_curriculum.online_sgd import Precision
from lit_curriculum.reading import read_table
from tests.support import config, fit, in_child

SGD = [config("elman"), config("smoke/elman")]
GD = [config("elman_population"), config("smoke/elman_population")]
MINIBATCH = ("--data.population=false", "--data.batch_size=16")


def data(**arguments: Any) -> ElmanData:
    return ElmanData(**{"d": 8, "num_steps": 20, "eval_every": 10, **arguments})


def trained(folder: Path) -> ElmanRNN:
    """Return the model that a smoke run left."""
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    model = ElmanRNN(8)
    model.load_state_dict({k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")})
    return model


def fresh(seed: int = 0) -> ElmanRNN:
    model = build({"name": "elman", "init_args": {"width": 8}}, seed=seed)
    assert isinstance(model, ElmanRNN)
    return model.double()


def loss_of(model: ElmanRNN, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return functional.cross_entropy(model(batch["inputs"], first=7).flatten(0, 1), batch["labels"].flatten())


# --- data ---------------------------------------------------------------------------------------------


def test_the_population_is_every_string_once() -> None:
    whole = data(population=True, data_seed=3)
    assert whole.batch_size == 256
    batch = whole.draw("train", 0, 256)
    strings = batch["inputs"][:, :8]
    assert len(set(map(tuple, strings.tolist()))) == 256
    assert torch.equal(batch["labels"], torch.from_numpy(whole.task.labels(strings.numpy())))
    assert torch.equal(batch["inputs"][:, 8:], batch["labels"][:, :-1])
    # The next step's batch is the same, and so are the parts that devices take.
    again = torch.cat([whole.draw("train", 256 * 4 + 64 * i, 64)["inputs"] for i in range(4)])
    assert torch.equal(again, batch["inputs"])


def test_without_the_population_strings_are_those_of_bit_subset_parity() -> None:
    ours, theirs = data(), BitSubsetParityData(8, 20, batch_size=1, eval_every=10)
    assert ours.batch_size == 1
    for stream in ("train", "val", "test"):
        a, b = (given.draw(stream, 2, 20) for given in (ours, theirs))  # type: ignore[arg-type]
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert ours.describe_task() != data(population=True).describe_task()


# --- training ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.0, 0.02])
def test_a_run_of_sgd_is_algorithms_1_and_2(sigma: float, tmp_path: Path) -> None:
    options = ("--model.precision=sign", f"--model.sigma={sigma}", "--model.lr=0.1")
    assert in_child(lambda: fit(tmp_path / "run", *SGD, options=options)) == 0
    model, given = fresh(), data(num_steps=40, data_seed=27)
    for step in range(40):
        (gradient,) = torch.autograd.grad(loss_of(model, given.draw("train", step, 1)), [model.W])
        with torch.no_grad():
            model.W -= 0.1 * Precision(sigma, "sign")(gradient)
    torch.testing.assert_close(trained(tmp_path / "run").W.double(), model.W, atol=1e-4, rtol=0)


@pytest.mark.parametrize("sigma", [0.0, 0.001])
def test_a_run_of_descent_is_algorithm_3(sigma: float, tmp_path: Path) -> None:
    options = ("--model.precision=sign", f"--model.sigma={sigma}")
    assert in_child(lambda: fit(tmp_path / "run", *GD, options=options)) == 0
    model, batch = fresh(), data(population=True, data_seed=27).draw("train", 0, 256)
    for _ in range(20):
        (gradient,) = torch.autograd.grad(loss_of(model, batch), [model.W])
        with torch.no_grad():
            model.W -= 0.1 * Precision(sigma, "sign")(gradient)
    torch.testing.assert_close(trained(tmp_path / "run").W.double(), model.W, atol=2e-4, rtol=0)
    last = read_table(tmp_path / "run" / "metrics.csv")[-1]
    assert float(last["train/loss"]) < 0.85


def test_adam_on_minibatches_is_torchs(tmp_path: Path) -> None:
    options = (*MINIBATCH, "--model.optimizer=Adam", "--model.optimizer.lr=0.01", "--model.sigma=0")
    assert in_child(lambda: fit(tmp_path / "run", *GD, options=options)) == 0
    model, given = fresh(), data(batch_size=16, data_seed=27)
    optimizer = torch.optim.Adam([model.W], lr=0.01)
    for step in range(20):
        optimizer.zero_grad()
        loss_of(model, given.draw("train", step * 16, 16)).backward()
        optimizer.step()
    torch.testing.assert_close(trained(tmp_path / "run").W.double(), model.W, atol=1e-3, rtol=0)


def test_the_evaluation_decodes_and_keeps_lemma_1(tmp_path: Path) -> None:
    assert in_child(lambda: fit(tmp_path / "run", *SGD, options=("--model.width=8",))) == 0
    model, given = trained(tmp_path / "run"), data(data_seed=27)
    rows = read_table(tmp_path / "run" / "metrics.csv")
    assert [int(row["step"]) for row in rows] == [10, 20, 30, 40]
    for row in rows:
        assert 1 - float(row["test/accuracy"]) <= float(row["test/forced_errors"]) + 1e-9
    batch = given.draw("test", 0, 32)
    with torch.no_grad():
        wrong = (model(batch["inputs"], first=7).argmax(-1) != batch["labels"]).float()
        written = model.decode(batch["inputs"][:, :8], 3).argmax(-1)
    right = (written[:, -1] == batch["labels"][:, -1]).float().mean()
    assert float(rows[-1]["test/accuracy"]) == pytest.approx(float(right), abs=1e-6)
    assert float(rows[-1]["test/forced_errors"]) == pytest.approx(float(wrong.sum(1).mean()), abs=1e-6)


def test_two_processes_descend_as_one(tmp_path: Path) -> None:
    """Also with a rounded gradient: it is rounded after the devices' parts are averaged."""
    two = ("--trainer.devices=2", "--trainer.strategy=ddp_fork", "--trainer.accelerator=cpu")
    sign = ("--model.precision=sign",)
    assert in_child(lambda: fit(tmp_path / "one", *GD, options=sign)) == 0
    assert in_child(lambda: fit(tmp_path / "two", *GD, options=(*sign, *two))) == 0
    ours, theirs = (trained(tmp_path / name).W for name in ("one", "two"))
    torch.testing.assert_close(theirs, ours, atol=2e-4, rtol=0)
    assert not torch.equal(ours, fresh().float().W)


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            lambda: ElmanSGD(8).check_data(data(batch_size=4)),
            "data.batch_size: got 4; allowed: 1 with ElmanSGD; ElmanMinibatch takes others",
        ),
        (
            lambda: ElmanSGD(8).check_data(BitSubsetParityData(8, 20, eval_every=10)),
            "data: got 'BitSubsetParityData'; allowed: ElmanData with ElmanSGD",
        ),
        (lambda: ElmanSGD(8, lr=0.0), "model.lr: got 0.0; allowed: a finite number > 0"),
        (lambda: ElmanSGD(8, sigma=-1.0), "model.sigma: got -1.0; allowed: a finite number >= 0"),
        (
            lambda: data(population=True, batch_size=8),
            "data.batch_size: got 8; allowed: null with population, which takes all 2^d strings",
        ),
        (lambda: data(population=True, d=32), "data.d: got 32; allowed: at most 16 with population"),
    ],
)
def test_what_does_not_fit_is_refused(action: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        action()
    assert str(caught.value) == message


def test_wrong_input_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit(tmp_path / "run", *SGD, options=("--data.batch_size=4",)) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "run").exists()
