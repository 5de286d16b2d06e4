"""The Lightning pair of the theory gives the numbers of `theory.sum_and_parity`'s direct computation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.lego import LegoData
from lit_curriculum.experiments.sum_and_parity import SumAndParityData, SumAndParityNet
from lit_curriculum.models.two_layer import TwoLayerNet
from lit_curriculum.reading import read_table
from lit_curriculum.theory.sum_and_parity import (
    Population,
    average_sgd,
    batch_gradient,
    biases,
    compact_features,
    parity_accuracy,
    population_loss,
)
from tests.support import config, fit, in_child

RUN = [config("sum_and_parity"), config("smoke/sum_and_parity")]


def data(**arguments: Any) -> SumAndParityData:
    return SumAndParityData(**{"n": 4, "num_steps": 200, "eval_every": 50, **arguments})


class Prescribed:
    """A generator of numbers that gives the direct computation the samples of a data module."""

    def __init__(self, given: SumAndParityData, steps: int) -> None:
        self.given, self.steps = given, steps

    def multinomial(self, batch: int, probability: Any) -> Any:
        counts = self.given.first_counts()
        assert counts.sum() == batch
        return counts

    def integers(self, high: int, size: tuple[int, int]) -> Any:
        assert size == (self.steps, self.given.batch_size)
        first = self.given.batch_size  # update 0 is phase one's
        rows = self.given.draw("train", first, self.steps * self.given.batch_size)["inputs"].numpy()
        assert rows.max() < 2 * high
        self.is_sum = (rows % 2).reshape(size)
        return (rows // 2).reshape(size)

    def random(self, size: tuple[int, int]) -> Any:
        return np.where(self.is_sum, 0.0, 1.0)


def trained(folder: Path, width: int = 9, n: int = 4) -> TwoLayerNet:
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    net = TwoLayerNet(n + 1, [0.0] * width)
    net.load_state_dict(
        {key.removeprefix("model."): v for key, v in state.items() if key.startswith("model.")}
    )
    return net


def directly(given: SumAndParityData, b: np.ndarray, bias_p: float, steps: int) -> np.ndarray:
    """Outputs on every input, from `theory` alone; b are the network's biases (k,)."""
    generator: Any = Prescribed(given, steps)
    population, values = given.population, biases(given.population.n, bias_p)
    units = np.isclose(b[:, None], values).sum(0)
    assert units.sum() == len(b)
    row = batch_gradient(population, given.first_batch, generator)
    features = compact_features(population, row, values, units)
    p = [population.p if 0 < population.p < 1 else 0.5]
    learned = average_sgd(features[None], population.y, p, steps, given.batch_size, generator)
    return features @ learned[0]


@pytest.mark.parametrize("p", [0.3, 0.0, 1.0])
def test_a_run_is_the_direct_computation_on_the_same_samples(p: float, tmp_path: Path) -> None:
    options = (f"--data.p={p}", "--model.bias_p=0.3", "--data.data_seed=3", "--model.model_seed=4")
    assert in_child(lambda: fit(tmp_path / "run", *RUN, options=options)) == 0
    net = trained(tmp_path / "run")
    given = data(p=p, first_batch=1000, batch_size=8, data_seed=3)
    found = net(torch.from_numpy(given.population.x)).detach().numpy()
    expected = directly(given, net.b.detach().numpy(), 0.3, 199)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert np.abs(expected).max() > 0.01
    row = read_table(tmp_path / "run" / "metrics.csv")[-1]
    for stream in ("val", "test"):
        loss, accuracy = (
            population_loss(given.population, expected),
            parity_accuracy(given.population, expected),
        )
        assert float(row[f"{stream}/loss"]) == pytest.approx(loss, rel=1e-5)
        assert float(row[f"{stream}/accuracy"]) == pytest.approx(accuracy, abs=1e-6)


def test_training_loss_is_that_of_the_last_weights(tmp_path: Path) -> None:
    options = ("--data.num_steps=10", "--data.eval_every=10")
    assert in_child(lambda: fit(tmp_path / "run", *RUN, options=options)) == 0
    net, population = trained(tmp_path / "run"), Population(4, 0.1)
    hidden = torch.from_numpy(population.x) @ net.W.T
    last = (hidden @ net.u + torch.relu(hidden + net.b) @ net.v).detach().numpy()
    row = read_table(tmp_path / "run" / "metrics.csv")[-1]
    assert float(row["train/loss"]) == pytest.approx(population_loss(population, last), rel=1e-9)


def test_where_the_run_is_cut_changes_nothing(tmp_path: Path) -> None:
    harvest = tmp_path / "harvest.yaml"
    harvest.write_text(
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 7}}]}\n"
    )
    assert in_child(lambda: fit(tmp_path / "whole", *RUN)) == 0
    options = ("--data.steps_per_call=50",)
    assert in_child(lambda: fit(tmp_path / "cut", *RUN, str(harvest), options=options)) == 0
    ours, theirs = trained(tmp_path / "whole").state_dict(), trained(tmp_path / "cut").state_dict()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_sum_samples_teach_parity_and_without_them_it_stays_at_chance(tmp_path: Path) -> None:
    options = (
        "--model.bias_p=0.2",
        "--model.width=15",
        "--data.first_batch=10000000",
        "--data.batch_size=16",
    )
    options += ("--data.num_steps=40000", "--data.eval_every=20000", "--data.steps_per_call=1000")
    for p in (0.2, 0.0):
        assert in_child(lambda p=p: fit(tmp_path / f"{p}", *RUN, options=(*options, f"--data.p={p}"))) == 0
    with_sum, without = (read_table(tmp_path / f"{p}" / "metrics.csv")[-1] for p in (0.2, 0.0))
    assert float(with_sum["test/accuracy"]) == 1
    assert float(without["test/accuracy"]) < 0.7


# --- the data ----------------------------------------------------------------------------------------


def test_samples_are_rows_of_the_table_with_the_mixtures_frequencies() -> None:
    given = data(p=0.25, support=[2, 3])
    batch = given.draw("train", 5, 40_000)
    shares = np.bincount(batch["inputs"].numpy(), minlength=32) / 40_000
    spread = np.sqrt(given.population.probability / 40_000)
    assert (np.abs(shares - given.population.probability) < 5 * spread).all()
    for row, y in zip(batch["inputs"][:200].tolist(), batch["labels"][:200].tolist(), strict=True):
        bits = [1 if row >> i & 1 else -1 for i in range(5)]
        assert y == (bits[2] + bits[3] - 2 if bits[0] == 1 else bits[2] * bits[3])


def test_a_sample_does_not_depend_on_how_many_are_drawn() -> None:
    whole = data(p=0.25).draw("train", 0, 64)
    for name, values in whole.items():
        assert torch.equal(values[10:30], data(p=0.25).draw("train", 10, 20)[name])


def test_held_out_is_every_input_once() -> None:
    batch = data(p=0.25).draw("val", 0, 32)
    assert len({tuple(point) for point in batch["inputs"].tolist()}) == 32
    assert float(batch["probability"].sum()) == pytest.approx(1)
    assert set(batch["labels"][batch["inputs"][:, 0] < 0].tolist()) == {-1.0, 1.0}


def test_the_first_batch_depends_on_the_seed_alone() -> None:
    first = data(data_seed=1).first_counts()
    assert np.array_equal(first, data(data_seed=1, batch_size=7).first_counts())
    assert not np.array_equal(first, data(data_seed=2).first_counts())
    assert first.sum() == 1_000_000


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: data(n=5), "n: got 5; allowed: an even integer from 2 to 16"),
        (lambda: data(p=-0.1), "p: got -0.1; allowed: a probability from 0 to 1"),
        (lambda: data(first_batch=0), "data.first_batch: got 0; allowed: an integer of at least 1"),
        (lambda: data(eval_samples=64), "data.eval_samples: got 64; allowed: 32, every input once, or unset"),
        (
            lambda: data().check_devices(2, 1),
            "trainer.devices: got 2; allowed: 1, the first batch and the loop over updates are not divided",
        ),
        (lambda: SumAndParityNet(4, 0), "model.width: got 0; allowed: an integer of at least 1"),
        (lambda: SumAndParityNet(5, 9), "model.n: got 5; allowed: an even integer from 2 to 16"),
        (lambda: SumAndParityNet(4, 9, bias_p=0.0), "model.bias_p: got 0.0; allowed: above 0, at most 1"),
        (lambda: SumAndParityNet(4, 9, lr=0.0), "model.lr: got 0.0; allowed: a finite number > 0, or null"),
        (
            lambda: SumAndParityNet(4, 9).check_data(data(n=6)),
            "model.n: got 4; allowed: the data's n = 6",
        ),
        (
            lambda: SumAndParityNet(4, 9).check_data(LegoData(20, eval_every=10)),
            "data: got 'LegoData'; allowed: SumAndParityData with SumAndParityNet",
        ),
    ],
)
def test_what_does_not_fit_is_refused(action: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        action()
    assert str(caught.value) == message
