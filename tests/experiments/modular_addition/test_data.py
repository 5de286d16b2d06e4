"""Pairs and their sums, every pair in one split."""

from __future__ import annotations

import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.modular_addition import ModularAdditionData, ModularAdditionMLP


def data(p: int = 7, **given) -> ModularAdditionData:
    return ModularAdditionData(p, num_steps=10, eval_every=10, **given)


def pairs(batch, p: int) -> list[tuple[int, int]]:
    a, b = batch["inputs"][:, :p].argmax(1), batch["inputs"][:, p:].argmax(1)
    assert torch.equal(batch["inputs"].sum(1), torch.full((len(a),), 2.0))
    assert torch.equal(batch["labels"], (a + b) % p)
    return list(zip(a.tolist(), b.tolist(), strict=True))


@pytest.mark.parametrize("p", [2, 7, 11])
def test_the_splits_share_no_pair_and_hold_them_all(p: int) -> None:
    ours = data(p, train_share=0.5)
    held = ours.held_out
    val, test = (pairs(ours.draw(stream, 0, held), p) for stream in ("val", "test"))
    train = pairs(ours.draw("train", 0, p * p - 2 * held), p)
    assert sorted(val + test + train) == [(a, b) for a in range(p) for b in range(p)]


def test_every_epoch_sees_every_training_pair_once() -> None:
    ours = data()
    size = 49 - 2 * ours.held_out
    first, second = (pairs(ours.draw("train", start, size), 7) for start in (0, size))
    assert sorted(first) == sorted(second)
    assert first != second


def test_a_batch_is_a_function_of_its_place_and_seed() -> None:
    assert pairs(data().draw("train", 5, 3), 7) == pairs(data().draw("train", 0, 8), 7)[5:]
    assert pairs(data(data_seed=1).draw("val", 0, 7), 7) != pairs(data().draw("val", 0, 7), 7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"p": 1},
        {"p": 1001},
        {"train_share": 0.0},
        {"train_share": 1.0},
        {"train_share": 0.99},
        {"eval_samples": 8},
    ],
)
def test_what_is_wrong_is_named(wrong) -> None:
    with pytest.raises(UsageError, match=f"data.{next(iter(wrong))}"):
        data(**wrong)


def test_model_and_data_have_one_modulus() -> None:
    with pytest.raises(UsageError, match=r"model.p: got 5; allowed: the data's p = 7"):
        ModularAdditionMLP(5).check_data(data())
